//! When a distributed job is over, told from the streams alone.

use super::contract::Transport;
use super::error::TransportError;
use super::worker::suspects;

/// What one worker knows of the end.
///
/// A message leaves its stream when its results are in the next one. So once the source has said that it is at its end, the first stream can
/// only become emptier, and once it is empty it stays so; then the same holds for the second; and so on. What was seen empty in this order
/// is not asked for again.
pub(super) struct Ends {
    /// Holds a message once the source is at its end.
    source: String,
    /// From the source down to the one that the worker takes from.
    streams: Vec<String>,
    source_is_over: bool,
    over: usize,
}

impl Ends {
    pub(super) fn new(source: String, streams: Vec<String>) -> Self {
        Ends { source, streams, source_is_over: false, over: 0 }
    }

    pub(super) fn is_over(&mut self, transport: &dyn Transport) -> Result<bool, TransportError> {
        if !self.source_is_over {
            if transport.left(&self.source)? == 0 {
                return Ok(false);
            }
            self.source_is_over = true;
        }
        while let Some(stream) = self.streams.get(self.over) {
            // In this order: messages go from the stream to its suspects, and not back.
            if transport.left(stream)? > 0 || transport.left(&suspects(stream))? > 0 {
                return Ok(false);
            }
            self.over += 1;
        }
        Ok(true)
    }
}
