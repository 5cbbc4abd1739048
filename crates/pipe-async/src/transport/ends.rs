//! When a distributed job is over, told from the streams alone.

use super::contract::Transport;
use super::error::TransportError;
use super::worker::suspects;
use std::sync::Arc;

/// What one worker knows of the end.
///
/// A message leaves its stream when its results are in the next one. So once the source has said that it is at its end, the first stream can
/// only become emptier, and once it is empty it stays so; then the same holds for the second; and so on. What was seen empty in this order
/// is not asked for again.
pub(super) struct Ends {
    transport: Arc<dyn Transport>,
    /// Holds a message once the source is at its end.
    source: String,
    /// From the source down to the one that the worker takes from.
    streams: Vec<String>,
    source_is_over: bool,
    over: usize,
}

impl Ends {
    pub(super) fn new(transport: Arc<dyn Transport>, source: String, streams: Vec<String>) -> Self {
        Ends { transport, source, streams, source_is_over: false, over: 0 }
    }

    pub(super) fn is_over(&mut self) -> Result<bool, TransportError> {
        if !self.source_is_over {
            if self.transport.left(&self.source)? == 0 {
                return Ok(false);
            }
            self.source_is_over = true;
        }
        while let Some(stream) = self.streams.get(self.over) {
            // In this order: messages go from the stream to its suspects, and not back.
            if self.transport.left(stream)? > 0 || self.transport.left(&suspects(stream))? > 0 {
                return Ok(false);
            }
            self.over += 1;
        }
        Ok(true)
    }
}
