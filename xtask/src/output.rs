//! What a task, or the runner of the benchmarks, prints at its end. `println!` panics if the reader has gone, as `head` does when it has seen enough.

use std::io::{self, ErrorKind, Write};

/// Prints a text. A reader who has gone has what it wanted.
///
/// # Errors
/// Any other that standard output has.
pub(crate) fn print(text: &str) -> io::Result<()> {
    write(&mut io::stdout().lock(), text)
}

fn write(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails like this.
    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_has_gone_is_no_error_and_a_full_disk_is_one() {
        write(&mut Broken(ErrorKind::BrokenPipe), "text").unwrap();
        assert_eq!(
            write(&mut Broken(ErrorKind::StorageFull), "text").unwrap_err().kind(),
            ErrorKind::StorageFull
        );
        let mut out = Vec::new();
        write(&mut out, "text").unwrap();
        assert_eq!(out, b"text");
    }
}
