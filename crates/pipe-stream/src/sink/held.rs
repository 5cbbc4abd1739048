//! Lines on their way out, held until there are enough for one write.
//!
//! Not `BufWriter`: its `Drop` writes, and what an abandoned run held is not to be written; and it does not tell how many bytes the
//! target has taken.

use crate::error::{StreamError, Subject};
use std::io::{ErrorKind, Write};

/// Bytes of one write: beyond it calls cost nothing next to the copy into the kernel.
const HELD: usize = 256 << 10;

pub(crate) struct Held<W> {
    to: W,
    subject: Subject,
    bytes: Vec<u8>,
    /// What the target has taken.
    written: u64,
}

impl<W: Write> Held<W> {
    pub(crate) fn new(to: W, subject: Subject) -> Self {
        Held { to, subject, bytes: Vec::new(), written: 0 }
    }

    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    #[inline]
    pub(crate) fn line(&mut self, line: &[u8]) -> Result<(), StreamError> {
        if self.bytes.len() + line.len() >= HELD {
            self.make_room(line)?;
        } else {
            self.bytes.extend_from_slice(line);
        }
        self.bytes.push(b'\n');
        Ok(())
    }

    /// Writes what is held. A line that is longer than that goes straight to the target, all others are held next.
    #[cold]
    fn make_room(&mut self, line: &[u8]) -> Result<(), StreamError> {
        self.write_held()?;
        if line.len() >= HELD {
            return self.write(line);
        }
        self.bytes.extend_from_slice(line);
        Ok(())
    }

    fn write_held(&mut self) -> Result<(), StreamError> {
        let mut bytes = std::mem::take(&mut self.bytes);
        let written = self.write(&bytes);
        bytes.clear();
        self.bytes = bytes;
        written
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            let error = match self.to.write(bytes) {
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(taken) => {
                    self.written += taken as u64;
                    bytes = &bytes[taken..];
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            return Err(StreamError::io("write", &self.subject, Some(self.written), error));
        }
        Ok(())
    }

    /// Writes the rest, and returns the target and how many bytes it took.
    pub(crate) fn finish(mut self) -> Result<(W, u64), StreamError> {
        self.write_held()?;
        let flushed = self.to.flush();
        flushed.map_err(|error| StreamError::io("write", &self.subject, Some(self.written), error))?;
        Ok((self.to, self.written))
    }
}
