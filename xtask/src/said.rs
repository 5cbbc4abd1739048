//! What another program says.

use std::process::{Command, Stdio};

/// What a command prints, if it starts and ends well.
pub(crate) fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_that_ends_well_has_said_something() {
        assert_eq!(said(Command::new("sh").args(["-c", "echo yes"])).as_deref(), Some("yes"));
        assert_eq!(said(Command::new("sh").args(["-c", "echo yes; exit 1"])), None);
        assert_eq!(said(&mut Command::new("/no/such/program")), None);
    }
}
