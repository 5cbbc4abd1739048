//! Partitions: a stream in parts, each with an order of its own, and who goes into which.

use super::error::TransportError;
use super::schema::{FNV_OFFSET, fnv};
use std::fmt;
use std::sync::Arc;

/// A worker has a thread for each partition of its stream.
const MOST: u32 = 256;

pub(crate) type Key<T> = Arc<dyn Fn(&T) -> u64 + Send + Sync>;

/// The number of a key: the same in every program and for ever, as that of `std::hash` is not.
///
/// ```
/// assert_eq!(pipe_async::key_of("Hamburg"), pipe_async::key_of(b"Hamburg"));
/// ```
pub fn key_of(key: impl AsRef<[u8]>) -> u64 {
    fnv(FNV_OFFSET, key.as_ref())
}

/// Where items go: into one stream, or into its partitions by their keys.
pub(crate) struct Route<T> {
    stream: String,
    /// The streams that it leads to, in the order of their numbers.
    streams: Vec<String>,
    by_key: Option<Key<T>>,
}

impl<T> Route<T> {
    pub(crate) fn into_one(stream: &str) -> Self {
        Route { stream: stream.to_owned(), streams: vec![stream.to_owned()], by_key: None }
    }

    pub(crate) fn by_key(stream: &str, partitions: u32, key: Key<T>) -> Self {
        Route { stream: stream.to_owned(), streams: names(stream, partitions), by_key: Some(key) }
    }

    pub(crate) fn is_keyed(&self) -> bool {
        self.by_key.is_some()
    }

    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    /// The streams that it leads to, in the order of their numbers.
    pub(crate) fn streams(&self) -> &[String] {
        &self.streams
    }

    /// How many streams.
    pub(crate) fn count(&self) -> usize {
        self.streams.len()
    }

    /// The number of the stream that an item goes into.
    pub(crate) fn of(&self, item: &T) -> usize {
        self.by_key.as_ref().map_or(0, |key| (key(item) % self.streams.len() as u64) as usize)
    }
}

impl<T> fmt::Debug for Route<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partitions = self.by_key.as_ref().map(|_| self.streams.len());
        f.debug_struct("Route").field("stream", &self.stream).field("partitions", &partitions).finish()
    }
}

/// The names of all partitions of a stream.
pub(crate) fn names(stream: &str, partitions: u32) -> Vec<String> {
    (0..partitions).map(|n| format!("{stream}.{n}")).collect()
}

/// A stream, and which partition of it a name means; `None`: what is in no partition.
pub(crate) fn split(name: &str) -> (&str, Option<u32>) {
    match name.split_once('.') {
        Some((stream, number)) => (stream, number.parse().ok()),
        None => (name, None),
    }
}

pub(crate) fn check_partitions(partitions: u32) -> Result<(), TransportError> {
    if (1..=MOST).contains(&partitions) {
        return Ok(());
    }
    let why = "a stream has 1 to 256 partitions, and a worker a thread for each";
    Err(TransportError::Config { field: "partitions", value: partitions.to_string(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_go_into_one_partition_and_many_keys_into_all() {
        let route = Route::by_key("a", 16, Arc::new(|text: &String| key_of(text)));
        let mut counts = [0; 16];
        for n in 0..16_000 {
            let (one, same) = (format!("key {n}"), format!("key {n}"));
            assert_eq!(route.of(&one), route.of(&same));
            counts[route.of(&one)] += 1;
        }
        assert!(counts.iter().all(|count| (700..1_300).contains(count)), "{counts:?}");
        assert_eq!(route.streams().len(), 16);
        assert_eq!(Route::<String>::into_one("a").streams(), ["a"]);
    }

    #[test]
    fn a_name_is_a_stream_or_a_partition_of_it() {
        assert_eq!(split("orders"), ("orders", None));
        assert_eq!(split("orders.12"), ("orders", Some(12)));
        assert_eq!(names("orders", 2), ["orders.0", "orders.1"]);
    }

    /// Programs of other versions have to agree, so the numbers are written down here.
    #[test]
    fn the_number_of_a_key_is_that_of_fnv_1a() {
        assert_eq!(key_of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(key_of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(key_of("foobar"), 0x8594_4171_f739_67e8);
    }
}
