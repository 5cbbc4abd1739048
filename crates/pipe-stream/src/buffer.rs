//! Buffers that are filled, lent, and filled again.
//!
//! A buffer is a vector whose length is its capacity: it is zeroed once, when it is made, and from then on only overwritten. That is what
//! lets a reader fill it without unsafe code and without clearing it for each read.

use std::collections::TryReserveError;
use std::sync::{Arc, Mutex, PoisonError};

/// The spare buffers of one source. Bounded in number and in bytes.
pub(crate) struct Pool {
    spare: Mutex<Vec<Vec<u8>>>,
    /// Buffers above this size are freed: one record of 64 MiB does not keep 64 MiB for the rest of the run.
    largest: usize,
}

/// Enough for the batches that are on their way back while others are filled; more are freed.
const SPARE_MOST: usize = 8;

/// A spare buffer may be this much larger than asked for. Executors change their wishes by factors of two from batch to batch, and that
/// should not make new buffers.
const FITS: usize = 4;

impl Pool {
    /// None yet. Will keep buffers of up to four times `usual` bytes.
    pub(crate) fn new(usual: usize) -> Arc<Self> {
        Arc::new(Pool { spare: Mutex::default(), largest: usual.saturating_mul(FITS) })
    }

    /// A buffer of at least `bytes`, with any content.
    pub(crate) fn take(&self, bytes: usize) -> Result<Vec<u8>, TryReserveError> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(buffer) = spare.pop() {
            if (bytes..=bytes.saturating_mul(FITS)).contains(&buffer.len()) {
                return Ok(buffer);
            }
        }
        drop(spare);
        let mut buffer = Vec::new();
        grow(&mut buffer, bytes)?;
        Ok(buffer)
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_MOST && buffer.len() <= self.largest {
            spare.push(buffer);
        }
    }
}

/// Makes a buffer at least `bytes` long. Sizes come from settings and from input, so a refusal is an error and not an abort.
pub(crate) fn grow(buffer: &mut Vec<u8>, bytes: usize) -> Result<(), TryReserveError> {
    if let Some(more) = bytes.checked_sub(buffer.len()) {
        buffer.try_reserve_exact(more)?;
        buffer.resize(bytes, 0);
    }
    Ok(())
}

/// A filled buffer; goes back to its pool when it is dropped, on whatever thread.
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) pool: Arc<Pool>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_taken_again_if_it_fits() {
        let pool = Pool::new(100);
        let first = pool.take(100).unwrap();
        let place = first.as_ptr();
        drop(Buffer { bytes: first, pool: pool.clone() });
        let again = pool.take(50).unwrap();
        assert_eq!((again.as_ptr(), again.len()), (place, 100));
        drop(Buffer { bytes: again, pool: pool.clone() });
        assert_eq!(pool.take(24).unwrap().len(), 24, "100 bytes are more than four times 24");
        assert!(pool.spare.lock().unwrap().is_empty());
    }

    #[test]
    fn spare_buffers_are_bounded_in_number_and_size() {
        let pool = Pool::new(100);
        for _ in 0..20 {
            drop(Buffer { bytes: vec![0; 400], pool: pool.clone() });
        }
        drop(Buffer { bytes: vec![0; 401], pool: pool.clone() });
        let spare = pool.spare.lock().unwrap();
        assert_eq!(spare.iter().map(Vec::len).collect::<Vec<_>>(), [400; SPARE_MOST]);
    }

    #[test]
    fn more_than_there_is_is_an_error() {
        assert!(Pool::new(1).take(usize::MAX).is_err());
    }
}
