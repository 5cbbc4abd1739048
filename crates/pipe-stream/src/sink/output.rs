//! A file that is being written.

use crate::encode::Block;
use crate::error::{StreamError, Subject};
use crate::sink::Fsync;
use crate::sink::held::Held;
use std::fs::File;

/// What is held for a file, and when the file waits for its medium.
pub(super) struct Output {
    held: Held<File>,
    pub(super) fsync: Fsync,
    /// How many bytes were written when the file was synchronised last.
    synced: u64,
}

impl Output {
    pub(super) fn new(file: File, subject: Subject, fsync: Fsync) -> Self {
        Output { held: Held::new(file, subject), fsync, synced: 0 }
    }

    pub(super) fn subject(&self) -> &Subject {
        self.held.subject()
    }

    #[inline]
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), StreamError> {
        self.held.line(line)?;
        self.wrote()
    }

    pub(super) fn block(&mut self, block: Block) -> Result<(), StreamError> {
        self.held.block(block)?;
        self.wrote()
    }

    pub(super) fn header(&mut self, bytes: &[u8]) {
        self.held.header(bytes);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.held.bytes(bytes)?;
        self.wrote()
    }

    /// After a write: whether it is time to wait for the medium.
    #[inline]
    fn wrote(&mut self) -> Result<(), StreamError> {
        match self.fsync {
            Fsync::EveryBytes(every) if self.held.written() - self.synced >= every.get() => self.sync(),
            _ => Ok(()),
        }
    }

    #[cold]
    fn sync(&mut self) -> Result<(), StreamError> {
        self.synced = self.held.written();
        let synced = self.held.target().sync_data();
        synced.map_err(|error| StreamError::io("sync", self.held.subject(), Some(self.synced), error))
    }

    /// Writes the rest, and closes the file; returns how many bytes it has.
    pub(super) fn close(self) -> Result<u64, StreamError> {
        let subject = self.held.subject().clone();
        let (file, written) = self.held.finish()?;
        if self.fsync != Fsync::Never {
            file.sync_all().map_err(|error| StreamError::io("sync", &subject, Some(written), error))?;
        }
        Ok(written)
    }
}
