//! A harness for tests that need the corpus: captures, certificate chains and vendor evidence that are not part of this
//! repository. The environment says where they are:
//!
//! * `SPDM_CORPUS`: the folder. Without it every test is reported as ignored.
//! * `SPDM_CORPUS_REQUIRED=1`: without the folder every test fails instead, so that a gate cannot pass by testing nothing.
//!
//! A target of such tests has `harness = false` in its Cargo.toml and a `main` that calls [`run`]:
//!
//! ```no_run
//! fn every_file_is_read() {
//!     assert!(test_corpus::folder().join("captures").is_dir());
//! }
//!
//! test_corpus::run([test_corpus::test(every_file_is_read)]);
//! ```

#![expect(clippy::panic, reason = "in a test a panic is the failure")]

use std::path::PathBuf;
use std::{env, fs};

use libtest_mimic::{Arguments, Trial};

fn is_named() -> bool {
    env::var_os("SPDM_CORPUS").is_some_and(|folder| !folder.is_empty())
}

fn is_required() -> bool {
    env::var("SPDM_CORPUS_REQUIRED").is_ok_and(|value| value == "1")
}

/// The folder of the corpus, which is there and not empty.
///
/// # Panics
///
/// Where `SPDM_CORPUS` is not set, or names no folder or an empty one. [`test()`] has the tests ignored where it is not set.
pub fn folder() -> PathBuf {
    assert!(is_named(), "SPDM_CORPUS is not set");
    let folder = PathBuf::from(env::var_os("SPDM_CORPUS").unwrap_or_default());
    match fs::read_dir(&folder) {
        Ok(mut entries) => assert!(entries.next().is_some(), "SPDM_CORPUS is an empty folder"),
        Err(error) => panic!("SPDM_CORPUS cannot be read: {error}"),
    }
    folder
}

/// A test that needs the corpus, under the name of its function. Ignored where there is no corpus and none is required.
pub fn test<T: Fn() + Send + 'static>(run: T) -> Trial {
    // `corpus::captures::attested_captures_verify` without the name of the target.
    let path = core::any::type_name::<T>();
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    let ignored = !is_named() && !is_required();
    Trial::test(name, move || {
        run();
        Ok(())
    })
    .with_ignored_flag(ignored)
}

/// Runs the tests that the command line selects and ends the process, as the harness of the standard library does.
pub fn run(tests: impl IntoIterator<Item = Trial>) -> ! {
    libtest_mimic::run(&Arguments::from_args(), tests.into_iter().collect()).exit()
}
