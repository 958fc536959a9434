//! Running the command.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The command with these arguments.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spdm"));
    command.args(args).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(!err.contains("panicked"), "{err}");
        Self { code: output.status.code().unwrap(), out, err }
    }
}

impl Run {
    /// The JSON objects of `--json`.
    pub(crate) fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The only JSON object.
    pub(crate) fn object(&self) -> Value {
        let mut objects = self.objects();
        assert_eq!(objects.len(), 1, "{self:?}");
        objects.remove(0)
    }
}

/// Runs the command to its end.
pub(crate) fn spdm<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Run {
    command(args).output().unwrap().into()
}

/// [`spdm`] with arguments that hold no spaces.
pub(crate) fn run(line: &str) -> Run {
    spdm(&line.split_whitespace().collect::<Vec<_>>())
}

/// The status of a check in a report.
pub(crate) fn status<'v>(report: &'v Value, check: &str) -> &'v str {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|row| row["check"] == check).unwrap();
    found["status"].as_str().unwrap()
}

/// A folder of this test, empty.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file in it.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), bytes).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `spdm emulate` in another process, ended with this value.
#[derive(Debug)]
pub(crate) struct Emulator {
    child: Child,
    pub(crate) target: String,
    pub(crate) folder: Folder,
}

impl Emulator {
    /// Starts it on a free port with these arguments; the root is in `folder` as `root.pem`.
    pub(crate) fn start(arguments: &str) -> Self {
        let folder = Folder::new();
        let root = folder.path("root.pem");
        Self::listen(folder, &format!("{arguments} --root-out {root}"))
    }

    /// Starts it on a free port with exactly these arguments.
    pub(crate) fn listen(folder: Folder, arguments: &str) -> Self {
        let line = format!("emulate --listen 127.0.0.1:0 {arguments}");
        let args: Vec<_> = line.split_whitespace().collect();
        let mut child =
            command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let address = first.split_whitespace().find(|word| word.contains(':'));
        let target = format!("tcp:{}", address.unwrap_or_else(|| panic!("{first:?}")));
        Self { child, target, folder }
    }

    /// The trust anchors that it wrote.
    pub(crate) fn root(&self) -> String {
        self.folder.path("root.pem")
    }

    /// Waits until it ends by itself, and gives what it wrote to standard error.
    pub(crate) fn told(mut self) -> String {
        self.child.wait().unwrap();
        std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap()
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut err = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut err);
        }
        assert!(!err.contains("panicked") || std::thread::panicking(), "{err}");
    }
}
