//! How the operations of an async stage are run: settings, as data.

use crate::opaque::opaque;
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The settings of an async stage: what an executor with a reactor keeps to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Operations {
    /// How many may be in flight.
    pub concurrency: usize,
    /// Whether fewer are in flight while a service is answered no sooner for more of them.
    pub adaptive: bool,
    /// How many items may be between start and emission. `None`: the executor's choice.
    pub window: Option<usize>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How many attempts may start in how much time.
    pub rate: Option<Rate>,
    pub(crate) keys: Option<Keys>,
}

/// How many operations of one key may be in flight, and what key an item has.
pub(crate) struct Keys {
    most: usize,
    /// A `KeyOf<T>` of the stage's items.
    key_of: Box<dyn Any + Send + Sync>,
}

type KeyOf<T> = Box<dyn Fn(&T) -> u64 + Send + Sync>;

/// The limit of one key, for the items of one stage.
pub struct KeyLimit<'o, T> {
    /// How many operations of one key may be in flight.
    pub most: usize,
    key_of: &'o KeyOf<T>,
}

opaque!(['o, T] KeyLimit['o, T]);

impl<T> KeyLimit<'_, T> {
    /// The key of an item, as a hash. Two keys that share one share a limit, which is as unlikely as 64 bits can make it.
    pub fn key(&self, item: &T) -> u64 {
        (self.key_of)(item)
    }
}

/// Operations of an async stage in flight unless set.
const CONCURRENCY: usize = 64;

impl Operations {
    pub(crate) fn new() -> Self {
        Operations {
            concurrency: CONCURRENCY,
            adaptive: false,
            window: None,
            timeout: None,
            rate: None,
            keys: None,
        }
    }

    /// The limit per key, if one was set.
    pub fn key_limit<T: 'static>(&self) -> Option<KeyLimit<'_, T>> {
        let keys = self.keys.as_ref()?;
        Some(KeyLimit { most: keys.most, key_of: keys.key_of.downcast_ref()? })
    }

    pub(crate) fn limit_keys<T: 'static>(
        &mut self,
        key_of: impl Fn(&T) -> u64 + Send + Sync + 'static,
        most: usize,
    ) {
        let key_of: KeyOf<T> = Box::new(key_of);
        self.keys = Some(Keys { most, key_of: Box::new(key_of) });
    }

    /// The field, its value, and what is wrong with it.
    pub(crate) fn refusal(&self) -> Option<(&'static str, String, &'static str)> {
        let zero = |field, why| Some((field, "0".to_owned(), why));
        if self.concurrency == 0 {
            return zero("concurrency", "no operation could ever start");
        }
        if self.window == Some(0) {
            return zero("window", "no operation could ever start");
        }
        if self.timeout == Some(Duration::ZERO) {
            return zero("timeout", "every operation would be too slow");
        }
        if self.keys.as_ref().is_some_and(|keys| keys.most == 0) {
            return zero("per_key", "no operation could ever start");
        }
        match self.rate {
            Some(Rate { operations: 0, .. }) => zero("rate", "no operation could ever start"),
            Some(Rate { burst: 0, .. }) => zero("burst", "no operation could ever start"),
            _ => None,
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("most", &self.most).finish_non_exhaustive()
    }
}

/// How many operations may start in how much time, for [`Pipeline::rate`](crate::Pipeline::rate).
///
/// ```
/// use pipe_core::per_second;
/// use std::time::Duration;
///
/// let rate = per_second(500).burst(50);
/// assert_eq!((rate.interval(), rate.tolerance()), (Duration::from_millis(2), Duration::from_millis(98)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    operations: u32,
    span: Duration,
    burst: u32,
}

/// This many operations a second, evenly spread: one each `1 / operations` seconds. Zero is a `Config` error.
pub const fn per_second(operations: u32) -> Rate {
    Rate::new(operations, Duration::from_secs(1))
}

impl Rate {
    /// This many operations in each `span`, evenly spread. Zero operations are a `Config` error.
    pub const fn new(operations: u32, span: Duration) -> Self {
        Rate { operations, span, burst: 1 }
    }

    /// How many may start at once after a pause: 1 unless set. Zero is a `Config` error.
    ///
    /// In any stretch of time there start at most `burst` more than the rate says for it.
    pub const fn burst(mut self, operations: u32) -> Self {
        self.burst = operations;
        self
    }

    /// From one operation to the next, in the long run.
    pub fn interval(&self) -> Duration {
        self.span / self.operations.max(1)
    }

    /// How much earlier than evenly spread an operation may start.
    pub fn tolerance(&self) -> Duration {
        self.interval().saturating_mul(self.burst.saturating_sub(1))
    }
}

/// An attempt of an async stage that took longer than its [`timeout`](crate::Pipeline::timeout): the stage's error then, as any other of its
/// own. Its future was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TookTooLong {
    /// How long it was allowed to take.
    pub timeout: Duration,
}

impl TookTooLong {
    /// For an executor that has dropped an operation after `timeout`.
    pub fn new(timeout: Duration) -> Self {
        TookTooLong { timeout }
    }
}

impl fmt::Display for TookTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "took longer than {:?}", self.timeout)
    }
}

impl Error for TookTooLong {}
