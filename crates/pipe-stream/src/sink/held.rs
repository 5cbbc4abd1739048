//! Bytes on their way out, held until there are enough for one write.
//!
//! ```text
//! [ block | gathered lines | block ]  gathered lines     one `write_vectored` when they are 256 KiB together
//! ```
//!
//! Lines are gathered by copying them; so are small blocks. Larger ones wait as they are, and go back to their worker when they are written.
//!
//! Not `BufWriter`: its `Drop` writes, and what an abandoned run held is not to be written; and it does not tell how many bytes the
//! target has taken.

use crate::encode::{Block, BlockSpares};
use crate::error::{StreamError, Subject};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::mem;

/// Bytes of one write: beyond it calls cost nothing next to the copy into the kernel.
pub(crate) const HELD: usize = 256 << 10;

/// Smaller blocks are copied: then a write has at most some 30 parts, far from what systems allow (1,024).
const COPIED: usize = 16 << 10;

pub(crate) struct Held<W> {
    to: W,
    subject: Subject,
    /// What goes out before `bytes`.
    queue: Vec<Block>,
    /// How many bytes have room beside the queue.
    room: usize,
    bytes: Vec<u8>,
    spares: BlockSpares,
    /// What the target has taken.
    written: u64,
}

impl<W: Write> Held<W> {
    pub(crate) fn new(to: W, subject: Subject) -> Self {
        let (queue, bytes, spares) = (Vec::new(), Vec::new(), BlockSpares::default());
        Held { to, subject, queue, room: HELD, bytes, spares, written: 0 }
    }

    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(crate) fn target(&self) -> &W {
        &self.to
    }

    /// What the target has taken.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    #[inline]
    pub(crate) fn line(&mut self, line: &[u8]) -> Result<(), StreamError> {
        if self.bytes.len() + line.len() >= self.room {
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
            return write_all(&mut self.to, &mut [IoSlice::new(line)], &mut self.written, &self.subject);
        }
        self.bytes.extend_from_slice(line);
        Ok(())
    }

    /// Takes a copy of bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.block(Block::of_bytes(bytes.to_vec(), None))
    }

    /// Takes a copy of bytes as they are, and writes nothing yet, however many they are.
    pub(crate) fn header(&mut self, bytes: &[u8]) {
        self.hold(Block::of_bytes(bytes.to_vec(), None));
    }

    /// Takes bytes as they are.
    pub(crate) fn block(&mut self, block: Block) -> Result<(), StreamError> {
        self.hold(block);
        if self.room == 0 { self.write_held() } else { Ok(()) }
    }

    fn hold(&mut self, block: Block) {
        let length = block.bytes().len();
        if length < COPIED && self.bytes.len() + length < self.room {
            self.bytes.extend_from_slice(block.bytes());
        } else {
            self.queue_gathered();
            self.queue(block);
        }
    }

    fn queue(&mut self, block: Block) {
        self.room = self.room.saturating_sub(block.bytes().len());
        self.queue.push(block);
    }

    fn queue_gathered(&mut self) {
        if !self.bytes.is_empty() {
            let bytes = mem::replace(&mut self.bytes, self.spares.bytes.take());
            self.queue(Block::of_bytes(bytes, Some(&self.spares)));
        }
    }

    fn write_held(&mut self) -> Result<(), StreamError> {
        self.queue_gathered();
        let mut queue = mem::take(&mut self.queue);
        self.room = HELD;
        let mut parts: Vec<_> = queue.iter().map(|block| IoSlice::new(block.bytes())).collect();
        let written = write_all(&mut self.to, &mut parts, &mut self.written, &self.subject);
        drop(parts);
        queue.clear();
        self.queue = queue;
        written
    }

    /// Writes the rest, and returns the target and how many bytes it took.
    pub(crate) fn finish(mut self) -> Result<(W, u64), StreamError> {
        self.write_held()?;
        let flushed = self.to.flush();
        flushed.map_err(|error| StreamError::io("write", &self.subject, Some(self.written), error))?;
        Ok((self.to, self.written))
    }
}

/// All of it, however many calls that takes. `written` counts what the target has taken, also before an error.
pub(super) fn write_all(
    to: &mut impl Write,
    mut parts: &mut [IoSlice<'_>],
    written: &mut u64,
    subject: &Subject,
) -> Result<(), StreamError> {
    let mut left = parts.iter().map(|part| part.len()).sum::<usize>();
    while left > 0 {
        let error = match to.write_vectored(parts) {
            Ok(0) => ErrorKind::WriteZero.into(),
            Ok(taken) if taken <= left => {
                left -= taken;
                *written += taken as u64;
                IoSlice::advance_slices(&mut parts, taken);
                continue;
            }
            Ok(_) => io::Error::other("the writer says that it has taken more than it was given"),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        return Err(StreamError::io("write", subject, Some(*written), error));
    }
    Ok(())
}
