//! `cargo xtask tidy | head -1`.

use std::process::{Command, Stdio};

#[test]
fn a_task_whose_reader_has_gone_ends_quietly() {
    let mut tidy = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let mut tidy = tidy.arg("tidy").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(tidy.stdout.take());
    let ended = tidy.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    // 1 where a rule is broken. A panic would be 101.
    assert!(matches!(ended.status.code(), Some(0 | 1)) && said.is_empty(), "{}: {said}", ended.status);
}
