//! What holds for each stream of a transport.

use super::error::TransportError;
use super::partition::split;
use std::time::Duration;

/// No wait is longer. Clocks can add it to any time that they tell.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Settings of the streams that a transport makes. One that is there already keeps its lease and its size, which may be others; it has to be a
/// work queue that refuses when it is full, delivers without limit and remembers ids for long enough, or it is a
/// [`TransportError::Config`]. The patience is of the transport alone.
///
/// No span may be longer than a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSettings {
    /// The lease: how long a message that was fetched may be on loan without a sign of life before it is delivered again. 30 s unless set. After the death of
    /// a worker, what it held waits for this long.
    pub lease: Duration,
    /// How many bytes a stream holds: 1 GiB unless set. A full one refuses, and so slows who publishes.
    pub max_bytes: u64,
    /// How many messages may be on loan at the same time, over all workers that fetch: 4,096 unless set. Of a partition it is always one.
    pub max_on_loan: u32,
    /// For how long a stream remembers the ids of its messages: 15 minutes unless set. At least two leases, and longer than the lease and the
    /// patience together: a worker that takes over from one that was killed may come with the same results that much later. Results of a
    /// message that waits even longer for a worker may be there twice.
    pub duplicate_window: Duration,
    /// For how long a message waits for room, or for a server that is away, before it has failed: 5 minutes unless set.
    pub patience: Duration,
    /// How many messages may be sent into one stream without a receipt: 256 unless set.
    pub in_flight: u32,
}

impl Default for StreamSettings {
    fn default() -> Self {
        StreamSettings {
            lease: Duration::from_secs(30),
            max_bytes: 1 << 30,
            max_on_loan: 4096,
            duplicate_window: Duration::from_secs(900),
            patience: Duration::from_secs(300),
            in_flight: 256,
        }
    }
}

impl StreamSettings {
    pub(crate) fn check(&self) -> Result<(), TransportError> {
        let zero = |field, is_zero: bool| {
            let error = TransportError::Config { field, value: "0".to_owned(), why: "nothing could be done" };
            if is_zero { Err(error) } else { Ok(()) }
        };
        zero("lease", self.lease.is_zero())?;
        zero("max_bytes", self.max_bytes == 0)?;
        zero("max_on_loan", self.max_on_loan == 0)?;
        zero("patience", self.patience.is_zero())?;
        zero("in_flight", self.in_flight == 0)?;
        let spans =
            [("lease", self.lease), ("duplicate_window", self.duplicate_window), ("patience", self.patience)];
        for (field, span) in spans {
            if span > LONGEST {
                let (value, why) = (format!("{span:?}"), "it has to end some time: at most a year");
                return Err(TransportError::Config { field, value, why });
            }
        }
        match self.why_too_short(self.lease, self.duplicate_window) {
            None => Ok(()),
            Some(why) => {
                let (field, value) = ("duplicate_window", format!("{:?}", self.duplicate_window));
                Err(TransportError::Config { field, value, why })
            }
        }
    }

    /// What is wrong with the duplicate window of a stream with this lease.
    pub(crate) fn why_too_short(&self, lease: Duration, window: Duration) -> Option<&'static str> {
        if window < lease.saturating_mul(2) {
            return Some(
                "it has to be at least two leases, or a message that is delivered again is a new one",
            );
        }
        if window <= lease.saturating_add(self.patience) {
            return Some(
                "it has to be longer than lease and patience, or results that come late are there twice",
            );
        }
        None
    }
}

/// # Errors
/// Not a name: it is empty, longer than 200 bytes, or has other letters than those of English, digits, `-` and `_`. A dot and a number behind
/// it name a partition.
pub(crate) fn check_stream(name: &str) -> Result<(), TransportError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let (stream, partition) = split(name);
    let is_whole = partition.map_or(stream == name, |number| name == format!("{stream}.{number}"));
    if is_whole && !stream.is_empty() && name.len() <= 200 && stream.bytes().all(fits) {
        return Ok(());
    }
    let why = "a stream's name is made of letters, digits, - and _, at most 200 of them; .NUMBER is a partition of it";
    Err(TransportError::Config { field: "stream", value: name.to_owned(), why })
}

/// The endings of names that say whose letters and suspects a stream holds.
const KEPT: [&str; 2] = ["-dead", "-suspect"];

/// # Errors
/// As [`check_stream`]; and the name is that of a stream of letters or of suspects, where frames of items would be taken for these.
pub(crate) fn check_items(name: &str) -> Result<(), TransportError> {
    check_stream(name)?;
    if !KEPT.iter().any(|kept| split(name).0.ends_with(kept)) {
        return Ok(());
    }
    let why = "names that end in -dead or -suspect are those of letters and suspects of another stream";
    Err(TransportError::Config { field: "stream", value: name.to_owned(), why })
}
