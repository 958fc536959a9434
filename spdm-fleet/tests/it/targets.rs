//! Lists of targets in every form, and what is wrong with them.

use core::fmt::Write as _;

use spdm_fleet::{MAX_ITEM_LEN, MAX_TARGET_LINE_LEN, Target, TargetsError, read_targets};

fn read(text: &str) -> Result<Vec<Target>, TargetsError> {
    read_targets(text.as_bytes(), |target| match target.target.starts_with("bad:") {
        true => Err(("target", "expected a good one".to_owned())),
        false => Ok(()),
    })
}

fn error(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn text_has_targets_names_and_comments() {
    let list = "# rack 12\n\ntcp:10.0.0.7:4194 class=ssd rack=r12 host=node-7  # behind\n  pci:0000:01:00.0\r\n\
                mctp:1,9 san=dmtf";
    let targets = read(list).unwrap();
    let names: Vec<_> = targets.iter().map(|target| target.target.as_str()).collect();
    assert_eq!(names, ["tcp:10.0.0.7:4194", "pci:0000:01:00.0", "mctp:1,9"]);
    assert_eq!(targets[0].class, "ssd");
    assert_eq!(targets[0].labels["rack"], "r12");
    assert_eq!(targets[0].host.as_deref(), Some("node-7"));
    assert_eq!(targets[1].class, Target::DEFAULT_CLASS);
    assert_eq!(targets[2].san.as_deref(), Some("dmtf"));
}

#[test]
fn the_same_list_in_every_form_is_the_same() {
    let text = "tcp:a class=ssd rack=r1\nmctp:1,9 class=gpu\n";
    let csv = "\u{feff}target,class,rack\ntcp:a,ssd,r1\n\"mctp:1,9\",gpu,\n";
    let json = "{\"target\":\"tcp:a\",\"class\":\"ssd\",\"labels\":{\"rack\":\"r1\"}}\n{\"target\":\"mctp:1,9\",\"class\":\"gpu\"}";
    let targets = read(text).unwrap();
    assert_eq!(read(csv).unwrap(), targets);
    assert_eq!(read(json).unwrap(), targets);
}

#[test]
fn what_spdm_list_prints_is_a_list() {
    let list = r#"{"schema":1,"devices":[{"kind":"pci","target":"pci:0000:01:00.0","name":"x","parts":[]},{"kind":"mctp","target":"mctp:1,9","name":"y","parts":[{"name":"a","detail":"b"}]}],"notes":["z"]}"#;
    let targets = read(list).unwrap();
    assert_eq!(targets, [Target::new("pci:0000:01:00.0"), Target::new("mctp:1,9")]);
    // Two machines, one after the other.
    let other = list.replace("1,9", "1,8").replace("01:00", "02:00");
    assert_eq!(read(&format!("{list}\n{other}\n")).unwrap().len(), 4);
    assert_eq!(
        error(&list.replace("\"schema\":1", "\"schema\":2")),
        "line 1: schema: 2 instead of 1"
    );
}

#[test]
fn a_quoted_value_may_have_commas_and_quotes() {
    let targets = read("class,target,note\nssd,tcp:a,\"one, \"\"two\"\"\"\n").unwrap();
    assert_eq!(targets[0].labels["note"], "one, \"two\"");
}

#[test]
fn a_target_that_is_there_twice_is_named_with_both_lines() {
    assert_eq!(error("tcp:a\n# x\ntcp:b\ntcp:a class=ssd\n"), "line 4: tcp:a is in line 1, too");
    assert_eq!(error("target\ntcp:a\ntcp:a\n"), "line 3: tcp:a is in line 2, too");
}

#[test]
fn an_empty_list_is_an_error() {
    for list in
        ["", "\n \n", "# only\n", "target,class\n", "{\"schema\":1,\"devices\":[],\"notes\":[]}"]
    {
        assert_eq!(error(list), "there is no target in it", "{list}");
    }
}

#[test]
fn errors_name_line_and_field() {
    for (list, expected) in [
        ("tcp:a\ntcp:b rack\n", "line 2: rack: expected NAME=VALUE behind the target"),
        ("tcp:a class=\n", "line 1: class=: expected NAME=VALUE behind the target"),
        ("tcp:a rack=1 rack=2\n", "line 1: rack: it is there twice"),
        ("tcp:a class=default class=ssd\n", "line 1: class: it is there twice"),
        ("tcp:a target=b\n", "line 1: target: the target stands in front, without a name"),
        ("tcp:a class=a.b\n", "line 1: class: a class has 1 to 64 letters, digits, - and _"),
        ("tcp:a\nbad:b\n", "line 2: target: expected a good one"),
        ("target,class,class\n", "line 1: class: two columns have this name"),
        ("target,,class\n", "line 1: a column has no name"),
        ("target,class\ntcp:a\n", "line 2: 1 values, and the header has 2"),
        ("target,class\n,ssd\n", "line 2: target: it is empty"),
        ("target,class\n\"tcp:a,ssd\n", "line 2: a quoted value does not end in its line"),
        ("target,class\n\"tcp:a\"x,ssd\n", "line 2: expected a comma behind a quoted value"),
        ("[{\"target\":\"tcp:a\"}]", "line 1: an array is no target: one object per line"),
        ("tcp:a rack=\u{1b}[1m\n", "line 1: there are control characters in it"),
    ] {
        assert_eq!(error(list), expected, "{list:?}");
    }
    let unknown = error("{\"target\":\"tcp:a\",\"clas\":\"ssd\"}");
    assert!(unknown.starts_with("line 1: column 24: unknown field `clas`"), "{unknown}");
    let mixed = error("{\"target\":\"tcp:a\"}\ntcp:b\n");
    assert!(mixed.starts_with("line 2: column 2: expected ident"), "{mixed}");
}

#[test]
fn lines_items_and_lists_are_bounded() {
    let long = format!("tcp:a\ntcp:b{}\n", "b".repeat(MAX_TARGET_LINE_LEN));
    assert_eq!(error(&long), "line 2: longer than 1048576 bytes");
    let large = format!("tcp:a note={}\n", "n".repeat(MAX_ITEM_LEN));
    assert_eq!(error(&large), "line 1: more than 4096 bytes, the most of an item");
    let quotes = format!("tcp:a note={}\n", "\"".repeat(MAX_ITEM_LEN / 2));
    assert!(error(&quotes).ends_with("the most of an item"));
    let bytes = read_targets(&b"tcp:a\n\xff\n"[..], |_| Ok(()));
    assert_eq!(bytes.unwrap_err().to_string(), "line 2: not UTF-8");
}

#[test]
fn f12_a_hundred_thousand_targets_are_read_at_once() {
    let mut list = String::new();
    for number in 0..100_000 {
        let (a, b) = (number / 256, number % 256);
        writeln!(list, "tcp:10.0.{a}.{b}:4194 class=ssd rack=r{}", number % 40).unwrap();
    }
    assert_eq!(read(&list).unwrap().len(), 100_000);
}
