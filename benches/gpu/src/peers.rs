//! CuPy and PyTorch doing the work that streams from pinned memory at their best, where they are installed.

use crate::table::Table;
use std::io::Write;
use std::process::{Command, Stdio};

/// Says how many seconds the work takes with a library: fused, in pieces, from pinned memory, on three streams.
const PROGRAM: &str = include_str!("peers.py");

/// A line for each, beside the seconds that we took.
pub(crate) fn measure(len: usize, operations: usize, ours: f64, table: &mut Table) {
    for library in ["cupy", "torch"] {
        let what = format!("pinned: {operations} operations, times {library}");
        match seconds(library, len, operations) {
            Ok(seconds) => {
                let how = format!("{:.2} ms, {library} {:.2} ms", ours * 1e3, seconds * 1e3);
                table.bar(&what, seconds / ours, how, 1.0);
            }
            Err(why) => table.missing(&what, why, 1.0),
        }
    }
}

fn seconds(library: &str, len: usize, operations: usize) -> Result<f64, String> {
    let mut python = Command::new("python3")
        .args(["-", library, &len.to_string(), &operations.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("python3: {error}"))?;
    let mut stdin = python.stdin.take().ok_or("python3 takes no program")?;
    stdin.write_all(PROGRAM.as_bytes()).map_err(|error| format!("python3: {error}"))?;
    drop(stdin);
    let output = python.wait_with_output().map_err(|error| format!("python3: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().map_err(|_| {
        let why = String::from_utf8_lossy(&output.stderr);
        why.lines().next_back().unwrap_or("it said nothing").to_owned()
    })
}
