//! The thread that decodes, and the queue from it.
//!
//! ```text
//! reader -> [64 KiB] -> decoder -> [256 KiB] -> queue of two -> [256 KiB] -> who reads
//! `------------- helper thread -------------'                              |
//!               ^------------------- buffers that were read ----------------'
//! ```
//!
//! So four buffers are in use at most, 1 MiB, however long the input.

use super::codec::Codec;
use super::decoder::{self, Decoder};
use super::gate::{Gate, Reads};
use super::input::Input;
use crate::buffer::{Buffer, Pool};
use crate::error::{StreamError, StreamErrorKind, Subject};
use std::io::{self, ErrorKind, Read};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// What the thread fills at once.
const BUFFER: usize = 256 << 10;

/// How many buffers wait. With one the decoder would wait for each look at a buffer, more are of no use.
const WAITING: usize = 2;

/// A reader of what a thread decodes. The thread ends with it.
pub(crate) struct Helper {
    filled: Option<Receiver<Result<Filled, StreamError>>>,
    current: Option<Filled>,
    /// It arrived while something could still be read.
    failed: Option<StreamError>,
    thread: Option<JoinHandle<()>>,
    gate: Arc<Gate>,
    reads: Reads,
}

/// A buffer that was filled, and from where to where it is still to be read.
struct Filled {
    buffer: Buffer,
    start: usize,
    end: usize,
}

impl Helper {
    pub(crate) fn start<R: Read + Send + 'static>(
        codec: Codec,
        reader: R,
        reads: Reads,
        subject: &Subject,
    ) -> Result<Self, StreamError> {
        let (filled, receiver) = sync_channel(WAITING);
        let gate = Arc::new(Gate::default());
        let (subject_there, gate_there) = (subject.clone(), gate.clone());
        let work = move || {
            let decoding = Decoding { codec, subject: subject_there, filled };
            decoding.run(decoder::over(codec, Input::buffered(reader, reads, gate_there)));
        };
        let thread = thread::Builder::new().name("pipe-decode".to_owned()).spawn(work);
        let thread =
            thread.map_err(|error| StreamError::io("start a thread to decode", subject, None, error))?;
        Ok(Helper { filled: Some(receiver), current: None, failed: None, thread: Some(thread), gate, reads })
    }

    /// The next buffer; `None` at the end.
    fn wait(&mut self) -> io::Result<Option<Filled>> {
        let Some(filled) = &self.filled else { return Ok(None) };
        let received = match self.failed.take() {
            Some(error) => Ok(Err(error)),
            None => filled.recv(),
        };
        if let Ok(Ok(filled)) = received {
            return Ok(Some(filled));
        }
        self.join();
        received.ok().transpose().map_err(io::Error::other)
    }

    /// The next buffer, if it is there already. What else there may be is told by `wait`.
    fn ready(&mut self) -> Option<Filled> {
        let filled = self.filled.as_ref().filter(|_| self.failed.is_none())?;
        match filled.try_recv().ok()? {
            Ok(filled) => Some(filled),
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }

    /// The thread has said its last.
    ///
    /// # Panics
    /// If it did: the reader panicked.
    fn join(&mut self) {
        self.filled = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            resume_unwind(panic);
        }
    }
}

impl Read for Helper {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut copied = 0;
        while copied < room.len() {
            let current = match self.current.take() {
                Some(current) => Some(current),
                None if copied > 0 => self.ready(),
                None => self.wait()?,
            };
            let Some(mut current) = current else { break };
            let bytes = &current.buffer.bytes[current.start..current.end];
            let len = bytes.len().min(room.len() - copied);
            room[copied..copied + len].copy_from_slice(&bytes[..len]);
            copied += len;
            current.start += len;
            self.current = (current.start < current.end).then_some(current);
        }
        Ok(copied)
    }
}

impl Drop for Helper {
    /// Waits for the thread, which has at most a buffer to fill; but not for one that waits for its input, which nothing can wake. That
    /// one ends when its read does.
    fn drop(&mut self) {
        let inside = self.gate.shut();
        self.filled = None;
        match self.thread.take() {
            Some(thread) if !inside || self.reads == Reads::End => drop(thread.join()),
            _ => {}
        }
    }
}

/// What the thread does.
struct Decoding {
    codec: Codec,
    subject: Subject,
    filled: SyncSender<Result<Filled, StreamError>>,
}

/// Why a buffer is not filled any further.
enum Stop {
    Full,
    Pause,
    End,
    Failed(StreamError),
}

impl Decoding {
    fn run(self, decoder: io::Result<Box<dyn Decoder>>) {
        let mut decoder = match decoder {
            Ok(decoder) => decoder,
            Err(error) => return self.fail(StreamError::io("decode", &self.subject, None, error)),
        };
        let pool = Pool::new(BUFFER);
        loop {
            let Ok(mut bytes) = pool.take(BUFFER) else {
                let error = io::Error::new(ErrorKind::OutOfMemory, "no memory for a buffer of the decoder");
                return self.fail(StreamError::io("decode", &self.subject, None, error));
            };
            let (end, stop) = self.fill(&mut *decoder, &mut bytes);
            let buffer = Buffer { bytes, pool: pool.clone() };
            if end > 0 && self.filled.send(Ok(Filled { buffer, start: 0, end })).is_err() {
                return;
            }
            match stop {
                Stop::Full | Stop::Pause => {}
                Stop::End => return,
                Stop::Failed(error) => return self.fail(error),
            }
        }
    }

    fn fill(&self, decoder: &mut dyn Decoder, room: &mut [u8]) -> (usize, Stop) {
        let mut filled = 0;
        while filled < room.len() {
            match decoder.read(&mut room[filled..]) {
                Ok(0) => return (filled, Stop::End),
                Ok(read) => {
                    filled += read;
                    decoder.input().has_output();
                }
                Err(_) if decoder.input().took_pause() => return (filled, Stop::Pause),
                Err(error) => return (filled, Stop::Failed(self.error(decoder, error))),
            }
        }
        (filled, Stop::Full)
    }

    fn error(&self, decoder: &mut dyn Decoder, error: io::Error) -> StreamError {
        let (subject, codec) = (&self.subject, self.codec);
        let at = decoder.input().taken();
        match decoder.input().take_failed() {
            Some(error) => match error.downcast::<StreamError>() {
                Ok(error) => error,
                Err(error) => StreamError::io("read", subject, Some(at), error),
            },
            None if error.kind() == ErrorKind::UnexpectedEof => {
                StreamError::decode(StreamErrorKind::Incomplete { codec }, subject, at, error)
            }
            None => StreamError::decode(StreamErrorKind::Undecodable { codec }, subject, at, error),
        }
    }

    /// Who does not listen any more does not care.
    fn fail(&self, error: StreamError) {
        drop(self.filled.send(Err(error)));
    }
}
