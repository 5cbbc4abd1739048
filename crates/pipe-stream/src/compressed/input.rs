//! What a decoder reads.

use super::gate::{Gate, Reads};
use std::io::{self, BufReader, ErrorKind, Read};
use std::sync::Arc;

/// The compressed bytes of a reader: counted, until they are no longer wanted.
pub(crate) struct Input<R> {
    reader: R,
    gate: Arc<Gate>,
    reads: Reads,
    /// How many bytes were read.
    read: u64,
    /// The reader's own error. The decoder gets one of the same kind, and could change it.
    failed: Option<io::Error>,
    pause: Pause,
}

/// Before a read that may wait, what was decoded has to be handed on: by then the decoder has returned with an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// There is nothing to hand on.
    Needless,
    /// At the next read.
    Due,
    /// Now.
    Made,
}

/// This much is read at once.
const ROOM: usize = 64 << 10;

impl<R: Read> Input<R> {
    pub(crate) fn buffered(reader: R, reads: Reads, gate: Arc<Gate>) -> BufReader<Self> {
        let input = Input { reader, gate, reads, read: 0, failed: None, pause: Pause::Needless };
        BufReader::with_capacity(ROOM, input)
    }

    fn read_once(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if !self.gate.enter() {
            return Err(stopped());
        }
        let read = self.reader.read(room);
        if !self.gate.leave() {
            return Err(stopped());
        }
        read
    }
}

/// Nobody sees it: who shut the gate does not listen any more.
fn stopped() -> io::Error {
    ErrorKind::BrokenPipe.into()
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.pause == Pause::Due && self.reads == Reads::MayWait {
            self.pause = Pause::Made;
            return Err(ErrorKind::WouldBlock.into());
        }
        loop {
            match self.read_once(room) {
                Ok(read) => {
                    self.read += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.failed = Some(error);
                    return Err(kind.into());
                }
            }
        }
    }
}

/// What the loop around a decoder asks of its input.
pub(crate) trait Account {
    /// There is something to hand on.
    fn has_output(&mut self);

    /// Whether the decoder's error was no error but a pause, for handing on.
    fn took_pause(&mut self) -> bool;

    /// What the reader itself refused.
    fn take_failed(&mut self) -> Option<io::Error>;

    /// How many bytes the decoder has taken.
    fn taken(&self) -> u64;
}

impl<R: Read> Account for BufReader<Input<R>> {
    fn has_output(&mut self) {
        self.get_mut().pause = Pause::Due;
    }

    fn took_pause(&mut self) -> bool {
        let made = self.get_ref().pause == Pause::Made;
        self.get_mut().pause = Pause::Needless;
        made
    }

    fn take_failed(&mut self) -> Option<io::Error> {
        self.get_mut().failed.take()
    }

    fn taken(&self) -> u64 {
        self.get_ref().read - self.buffer().len() as u64
    }
}
