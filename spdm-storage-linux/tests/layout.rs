//! The structures of the two system calls are those of the kernel's headers: a C program prints sizes and offsets.
//! Without a C compiler or the headers the test is ignored, and says so.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect with a panic")]

#[cfg(target_os = "linux")]
#[path = "../src/abi.rs"]
mod abi;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, vec![layout()]).exit();
}

#[cfg(not(target_os = "linux"))]
fn layout() -> Trial {
    Trial::test("layout (ignored: this is not Linux)", || Ok(())).with_ignored_flag(true)
}

#[cfg(target_os = "linux")]
fn layout() -> Trial {
    match linux::of_headers() {
        Ok(expected) => Trial::test("layout", move || {
            assert_eq!(linux::ours(), expected);
            Ok(())
        }),
        Err(reason) => {
            Trial::test(format!("layout (ignored: {reason})"), || Ok(())).with_ignored_flag(true)
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use core::fmt::Write as _;
    use core::mem::{offset_of, size_of};
    use std::path::Path;
    use std::process::Command;

    use super::abi::{NVME_IOCTL_ADMIN_CMD, NvmePassthruCmd, SG_IO, SgIoHdr};

    /// What the C program prints, or why it cannot be built here.
    pub(crate) fn of_headers() -> Result<String, String> {
        // Built for another machine, the test would compare with the headers of this one.
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layout.c");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layout");
        let built = Command::new(&compiler).arg("-o").arg(&program).arg(source).output();
        let built = built.map_err(|error| format!("{compiler}: {error}"))?;
        if !built.status.success() {
            let errors = String::from_utf8_lossy(&built.stderr);
            let missing = errors.lines().find(|line| line.contains("No such file"));
            return match missing {
                Some(line) => Err(format!("{compiler}: {line}")),
                None => panic!("{errors}"),
            };
        }
        let output = Command::new(&program).output().map_err(|error| error.to_string())?;
        Ok(String::from_utf8(output.stdout).unwrap())
    }

    /// The same lines.
    pub(crate) fn ours() -> String {
        let mut text = String::new();
        macro_rules! offsets {
            ($name:literal, $ours:ty: $($field:ident)*) => {{
                writeln!(text, "{} {}", $name, size_of::<$ours>()).unwrap();
                $(
                    let offset = offset_of!($ours, $field);
                    writeln!(text, "{}.{} {offset}", $name, stringify!($field)).unwrap();
                )*
            }};
        }
        writeln!(text, "NVME_IOCTL_ADMIN_CMD {NVME_IOCTL_ADMIN_CMD}").unwrap();
        offsets!("nvme_passthru_cmd", NvmePassthruCmd:
            opcode flags rsvd1 nsid cdw2 cdw3 metadata addr metadata_len data_len
            cdw10 cdw11 cdw12 cdw13 cdw14 cdw15 timeout_ms result);
        writeln!(text, "SG_IO {SG_IO}").unwrap();
        offsets!("sg_io_hdr", SgIoHdr:
            interface_id dxfer_direction cmd_len mx_sb_len iovec_count dxfer_len dxferp cmdp sbp timeout flags
            pack_id usr_ptr status masked_status msg_status sb_len_wr host_status driver_status resid duration info);
        writeln!(text, "directions 1").unwrap();
        text
    }
}
