//! `compile-64-adapters`: how long cargo takes to build a chain of 64 adapters in release mode.

use crate::contender::Job;
use crate::host;
use crate::measure::{BoxError, Outcome, timed};
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// The example that is built, in `crates/pipe-core/examples/`.
pub(crate) const EXAMPLE: &str = "crates/pipe-core/examples/sixty_four.rs";

pub(crate) fn sixty_four(_: &Job) -> Result<Outcome, BoxError> {
    // Everything below the example first, so that only the example itself is timed.
    build()?;
    File::options().append(true).open(host::root().join(EXAMPLE))?.set_modified(SystemTime::now())?;
    timed(64, || build().map(|()| "built"))
}

fn build() -> Result<(), BoxError> {
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--quiet", "-p", "pipe-core", "--example", "sixty_four"])
        .current_dir(host::root())
        .stdout(Stdio::null())
        .status()?;
    if built.success() { Ok(()) } else { Err("cargo build failed".into()) }
}
