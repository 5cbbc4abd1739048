//! `cargo xtask bench --list | head -3`.

use std::process::{Command, Stdio};

#[test]
fn a_list_whose_reader_has_gone_ends_quietly() {
    let mut list = Command::new(env!("CARGO_BIN_EXE_benches"));
    let mut list = list.arg("--list").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(list.stdout.take());
    let ended = list.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.is_empty(), "{}: {said}", ended.status);
}
