//! What is kept of an item that failed for good, and how it is tried again.

use super::contract::{Delivery, Message, Transport, Verdict};
use super::error::TransportError;
use super::frame::{FrameError, FrameLimits, FrameReader, FrameWriter};
use super::partition::split;
use super::schema::{FNV_OFFSET, Schema, fnv};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Of the text of an error this much is kept.
const TEXT: usize = 4 << 10;

/// Bytes of an id or a text that stay, however little room there is.
const SHORT: usize = 64;

/// An item, or a message that holds no items, which failed at every attempt. It stands in the stream `<stream>-dead`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Letter {
    /// The stage that failed.
    pub stage: String,
    /// Its error, or how its worker ended.
    pub error: String,
    /// The stream it came from.
    pub stream: String,
    /// The message it came in; the beginning of its id and a hash of all of it, if it was too long for the stream.
    pub id: String,
    /// Its place in the message. `None`: the whole message.
    pub index: Option<u32>,
    /// How often it was tried.
    pub attempts: u32,
    /// A frame of this one item, or the message as it came; the beginning of it, if it was too large to be a frame or for the stream.
    pub frame: Vec<u8>,
    /// How long the message was.
    pub bytes: u64,
}

/// Without the items.
impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({self})")
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Letter { stage, error, stream, id, index, attempts, bytes, .. } = self;
        match index {
            Some(index) => write!(f, "item {index} of ")?,
            None => write!(f, "all of ")?,
        }
        write!(
            f,
            "message {id} of stream {stream}, {bytes} bytes, failed in stage {stage}, {attempts} times: {error}"
        )
    }
}

/// The stream of the dead letters of a stream.
pub(crate) fn dead(stream: &str) -> String {
    format!("{}-dead", split(stream).0)
}

/// A letter has one message with its error, so it is larger than a frame.
fn limits(of_frames: FrameLimits) -> FrameLimits {
    FrameLimits { max_bytes: of_frames.max_bytes + (16 << 10), ..of_frames }
}

impl Letter {
    /// What is in a message of the stream `<stream>-dead`.
    ///
    /// # Errors
    /// It is no letter.
    pub fn read(delivery: &Delivery) -> Result<Self, FrameError> {
        let limits = FrameLimits { max_bytes: 64 << 20, ..FrameLimits::default() };
        let letters: Vec<Letter> =
            FrameReader::new(&delivery.message.payload, Schema::of::<Letter>(), limits)?.read()?;
        letters.into_iter().next().ok_or(FrameError::Count { count: 0, limit: 1 })
    }

    /// As it is sent: the id says which item it is, so that a letter written twice is there once.
    pub(crate) fn message(&self, of_frames: FrameLimits) -> Result<Message, FrameError> {
        let id = match self.index {
            Some(index) => format!("{}/{index}!{}", self.id, self.stage),
            None => format!("{}!{}", self.id, self.stage),
        };
        let mut letter = self.clone();
        letter.frame.truncate(of_frames.max_bytes);
        letter.error.truncate(letter.error.floor_char_boundary(TEXT));
        let mut writer = FrameWriter::new(Schema::of::<Letter>(), limits(of_frames));
        writer.push(&letter)?;
        let payload = writer.take().unwrap_or_default();
        Ok(Message { id, payload })
    }

    /// Halves what it can best do without, if its stream finds it too large: what it holds, then the id, then the text. `false`: nothing is
    /// left to go without.
    pub(crate) fn shorten(&mut self) -> bool {
        if !self.frame.is_empty() {
            self.frame.truncate(self.frame.len() / 2);
        } else if self.id.len() > SHORT {
            // Other ids with the same beginning stay other ids.
            let whole = fnv(FNV_OFFSET, self.id.as_bytes());
            self.id.truncate(self.id.floor_char_boundary(self.id.len() / 2));
            self.id.push_str(&format!("~{whole:016x}"));
        } else if self.error.len() > SHORT {
            self.error.truncate(self.error.floor_char_boundary(self.error.len() / 2));
        } else {
            return false;
        }
        true
    }
}

/// What [`replay`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// Letters whose items are in their stream again.
    pub sent: u64,
    /// Letters that stay: what they hold is cut, or is no letter.
    pub kept: u64,
}

/// Sends up to `most` dead letters of a stream through it again, once what made them fail is mended. A letter leaves the stream
/// `<stream>-dead` when its item is back in `stream`.
///
/// # Errors
/// Those of the transport. What was sent before is sent; what was not is still a letter.
pub fn replay(transport: &dyn Transport, stream: &str, most: usize) -> Result<Replayed, TransportError> {
    let mut replayed = Replayed::default();
    let mut kept = Vec::new();
    while replayed.sent + replayed.kept < most as u64 {
        let left = most - (replayed.sent + replayed.kept) as usize;
        let letters = transport.fetch(&dead(stream), left.min(64), Duration::from_millis(200))?;
        if letters.is_empty() {
            break;
        }
        for delivery in letters {
            let whole =
                Letter::read(&delivery).ok().filter(|letter| letter.frame.len() as u64 == letter.bytes);
            let Some(letter) = whole else {
                replayed.kept += 1;
                kept.push(delivery);
                continue;
            };
            let id = format!("{}/replay", delivery.message.id);
            // The partition that it came from, if it was one.
            let of = if split(&letter.stream).0 == stream { &letter.stream } else { stream };
            transport.publish(of, Message { id, payload: letter.frame })?.wait()?;
            transport.settle(&delivery, Verdict::Ack)?;
            replayed.sent += 1;
        }
    }
    // Given back only now, or they would be fetched again and again.
    kept.iter().try_for_each(|delivery| transport.settle(delivery, Verdict::Retry(Duration::ZERO)))?;
    Ok(replayed)
}
