//! A program without std does not get the C library's start code linked in unless it asks.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-link-arg-bins=-lc");
    }
}
