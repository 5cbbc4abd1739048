//! What a transport is: streams of messages that are acknowledged one by one.

use super::error::TransportError;
use super::give_up::{GiveUp, TICK};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Carries messages between processes, in named streams. A stream is a work queue: each message goes to one of those who fetch, and is gone
/// once it was acknowledged.
///
/// All of it may block, since sources and sinks may; what is published goes on while the caller does something else, until it waits for
/// the [`Receipt`].
///
/// Laws, held by every transport through the same tests:
///
/// * A message whose receipt says so is in the stream: at least once, and only once if the same id comes again within the duplicate window.
/// * A message that was fetched and neither settled nor marked as in progress for the time of its lease is delivered again, to whoever
///   fetches next, with its count of deliveries one higher. The same happens, after the time given, to one that was given back.
/// * An acknowledgement that comes after the lease has ended counts, as long as the message is there.
/// * A stream is bounded. Publishing waits for room, so a slow consumer slows the source, and ends with [`TransportError::Full`] when its
///   patience does.
/// * A stream comes into being when it is named first. No order is promised between its messages.
/// * A stream may have partitions, named `stream.0`, `stream.1` and so on. Each gives its messages in the order they came, one at a time: the
///   next one only when the one before was acknowledged, also where that takes attempts by several workers.
pub trait Transport: Send + Sync {
    /// Sends a message. Waits while too many have no receipt yet.
    ///
    /// # Errors
    /// The name of the stream is none, the message is too large, or the transport has ended. All else is in the receipt.
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError>;

    /// Up to `most` messages: those that are there, or the first that come. None if there are none for this long.
    ///
    /// # Errors
    /// The stream cannot be read from, after as many attempts as the patience of the transport allows.
    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError>;

    /// Says what became of a message. Not confirmed: if it is lost, the message is delivered again.
    ///
    /// # Errors
    /// The transport has ended, or it could not be said for as long as its patience allows.
    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError>;

    /// How many messages are in a stream, or in a partition of it, those on loan among them. Zero means that all have been acknowledged.
    ///
    /// # Errors
    /// It could not be asked, after as many attempts as the patience of the transport allows.
    fn left(&self, stream: &str) -> Result<u64, TransportError>;

    /// The same streams, for who may be told to stop: what waits through it, for room, for a server, for a receipt or for messages, ends with
    /// [`TransportError::Stopped`] soon after `when` is due. What has not to wait is done all the same. `None`, unless implemented: waits
    /// end with the patience of the transport.
    fn giving_up(&self, when: &GiveUp) -> Option<Arc<dyn Transport>> {
        let _ = when;
        None
    }
}

/// A transport that gives up, if it can.
pub(super) fn giving_up(transport: &Arc<dyn Transport>, when: &GiveUp) -> Arc<dyn Transport> {
    transport.giving_up(when).unwrap_or_else(|| transport.clone())
}

/// Forwards for pointers.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: Transport + ?Sized> Transport for $pointer {
            fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
                (**self).publish(stream, message)
            }

            fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
                (**self).fetch(stream, most, wait)
            }

            fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
                (**self).settle(delivery, verdict)
            }

            fn left(&self, stream: &str) -> Result<u64, TransportError> {
                (**self).left(stream)
            }

            fn giving_up(&self, when: &GiveUp) -> Option<Arc<dyn Transport>> {
                (**self).giving_up(when)
            }
        }
    )*};
}

forward!(&T, Box<T>, Arc<T>);

/// What is sent: bytes under a name that stays the same when they are sent again.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The stable id. Two messages with the same id are the same message, whoever sends them.
    pub id: String,
    /// The bytes; a frame, if items are sent.
    pub payload: Vec<u8>,
}

/// Without the bytes: what is sent is nobody's business.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({:?}, {} bytes)", self.id, self.payload.len())
    }
}

/// A message that was fetched, on loan until its lease ends.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// The stream it came from.
    pub stream: Arc<str>,
    /// Its place in the stream.
    pub sequence: u64,
    /// The number of this delivery: 1 for the first, 2 if it is delivered again, and so on.
    pub attempt: u32,
    /// How long it stays on loan unless the lease is renewed.
    pub lease: Duration,
    /// What the transport knows it by.
    pub token: String,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done: it leaves the stream.
    Ack,
    /// Not done: it is delivered again, not before this long.
    Retry(Duration),
    /// Not done yet: the lease begins again.
    InProgress,
}

/// How the stream answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is in the stream.
    Stored,
    /// A message of this id had been stored before, so this one was not.
    Duplicate,
}

/// The answer to a message that was sent, as soon as there is one. If it is dropped, the message is sent all the same, and nobody learns the answer.
#[must_use = "a message is safe only when its receipt says so"]
#[derive(Debug)]
pub struct Receipt {
    place: Arc<Place>,
    give_up: Option<GiveUp>,
}

/// Where a transport puts the answer. Dropped without one it means [`TransportError::Closed`].
#[derive(Debug)]
pub struct Answer(Arc<Place>);

/// For one answer. A channel would have room for many, which is most of what a small message allocates.
#[derive(Debug, Default)]
struct Place {
    answer: Mutex<Option<Result<Published, TransportError>>>,
    is_there: Condvar,
}

impl Place {
    /// The first one counts.
    fn put(&self, answer: Result<Published, TransportError>) {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(answer);
        self.is_there.notify_one();
    }
}

impl Receipt {
    /// A receipt, and where its answer is put.
    pub fn pending() -> (Answer, Receipt) {
        let place = Arc::<Place>::default();
        (Answer(place.clone()), Receipt { place, give_up: None })
    }

    /// Waits no longer than this.
    pub fn giving_up(self, when: Option<GiveUp>) -> Self {
        Receipt { give_up: when, ..self }
    }

    /// Waits for the answer; as long as the patience of the transport, at most.
    ///
    /// # Errors
    /// The message may not be in the stream.
    pub fn wait(self) -> Result<Published, TransportError> {
        let Place { answer, is_there } = &*self.place;
        let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(answer) = answer.take() {
                return answer;
            }
            answer = match &self.give_up {
                // Only now: what is there counts, also when it is too late to wait.
                Some(when) if when.is_due() => return Err(TransportError::Stopped),
                Some(_) => is_there.wait_timeout(answer, TICK).unwrap_or_else(PoisonError::into_inner).0,
                None => is_there.wait(answer).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Answer {
    /// Gives the answer. If nobody wants to know it, the receipt has been dropped.
    pub fn give(self, answer: Result<Published, TransportError>) {
        self.0.put(answer);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.put(Err(TransportError::Closed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::Cancel;

    #[test]
    fn a_receipt_has_the_answer_that_was_given_and_closed_if_none_was() {
        let (answer, receipt) = Receipt::pending();
        let waiting = std::thread::spawn(|| receipt.wait());
        answer.give(Ok(Published::Duplicate));
        assert!(matches!(waiting.join(), Ok(Ok(Published::Duplicate))));

        let (answer, receipt) = Receipt::pending();
        let waiting = std::thread::spawn(|| receipt.wait());
        drop(answer);
        assert!(matches!(waiting.join(), Ok(Err(TransportError::Closed))));
    }

    #[test]
    fn who_is_told_to_stop_takes_an_answer_that_is_there_and_waits_for_none() {
        let stop = Cancel::new();
        let when = GiveUp::after(&stop, Duration::ZERO);
        stop.cancel();
        let (answer, receipt) = Receipt::pending();
        answer.give(Ok(Published::Stored));
        assert!(matches!(receipt.giving_up(Some(when.clone())).wait(), Ok(Published::Stored)));
        let (_answer, receipt) = Receipt::pending();
        assert!(matches!(receipt.giving_up(Some(when)).wait(), Err(TransportError::Stopped)));
    }
}
