//! Programs of others on the search path: started as a shell would start them, and watched to their end.

use crate::measure::BoxError;
use std::io::Read;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Runs a program, and hands what it prints to `read`.
pub(super) fn read<A>(
    command: &mut Command,
    read: impl FnOnce(&mut ChildStdout) -> Result<A, BoxError>,
) -> Result<A, BoxError> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let answer = read(child.stdout.as_mut().ok_or("it has no output")?)?;
    ended(child)?;
    Ok(answer)
}

/// Runs a program whose output goes where `command` says.
pub(super) fn run(command: &mut Command) -> Result<(), BoxError> {
    ended(command.stdin(Stdio::null()).spawn()?)
}

/// The whole numbers that a program prints, up to the first word that is none.
pub(super) fn numbers(command: &mut Command) -> Result<Vec<u64>, BoxError> {
    read(command, whole_numbers)
}

fn whole_numbers(output: &mut ChildStdout) -> Result<Vec<u64>, BoxError> {
    let mut text = String::new();
    output.read_to_string(&mut text)?;
    Ok(text.split_ascii_whitespace().map_while(|word| word.parse().ok()).collect())
}

/// `decoder | wc -l`
pub(super) fn lines_of(decoder: &mut Command) -> Result<u64, BoxError> {
    let mut decoder = decoder.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let plain = decoder.stdout.take().ok_or("it has no output")?;
    let mut counter = Command::new("wc").arg("-l").stdin(plain).stdout(Stdio::piped()).spawn()?;
    let numbers = whole_numbers(counter.stdout.as_mut().ok_or("wc has no output")?)?;
    ended(decoder)?;
    ended(counter)?;
    Ok(*numbers.first().ok_or("wc printed no number")?)
}

fn ended(mut child: Child) -> Result<(), BoxError> {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("it ended with {status}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn numbers_end_at_the_first_word() {
        assert_eq!(numbers(&mut shell("echo '  3 20 file 7'")).unwrap(), [3, 20]);
        assert_eq!(lines_of(&mut shell("echo a; echo b")).unwrap(), 2);
    }

    #[test]
    fn a_program_that_fails_is_an_error_whatever_it_printed() {
        assert!(numbers(&mut shell("echo 3; exit 1")).is_err());
        assert!(lines_of(&mut shell("echo a; exit 1")).is_err());
    }
}
