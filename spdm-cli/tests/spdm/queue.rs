//! The verbs of queues, as far as nobody needs a server: tests/nats has the rest.

use crate::process::run;

#[test]
fn help_of_the_verbs_fits_80_columns_and_shows_examples() {
    for verb in ["submit", "work", "watch"] {
        let help = run(&format!("fleet {verb} --help"));
        assert_eq!(help.code, 0);
        let wide: Vec<_> = help.out.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{verb}: {wide:?}");
        let (_, examples) = help.out.split_once("Examples:\n").unwrap();
        assert!(examples.contains(&format!("spdm fleet {verb}")), "{examples}");
    }
}

#[cfg(not(feature = "nats"))]
#[test]
fn without_the_feature_a_verb_says_what_is_missing() {
    for line in [
        "submit --queue nats://a --job a --targets /does/not/exist --key /does/not/exist",
        "work --queue nats://a",
        "watch --queue nats://a --job a",
    ] {
        let ran = run(&format!("fleet {line}"));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
        let verb = line.split(' ').next().unwrap();
        let expected =
            format!("error: fleet {verb}: this program was built without the feature nats\n");
        assert_eq!(ran.err, expected);
    }
}
