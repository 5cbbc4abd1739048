//! Limits of a pool of connections.

use pipe_core::RunError;
use std::time::Duration;

/// Limits of a [`ConnectionPool`](crate::ConnectionPool). All are on, and a zero is a `Config` error; for "never", set years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections that may be open at once, idle ones and those being opened among them. 64.
    pub max_open: usize,
    /// Connections that may be in the opening at once, so that a server that comes back is not run over. 8.
    pub max_connecting: usize,
    /// How long [`acquire`](crate::ConnectionPool::acquire) waits, for its turn, for the connection to open and for its check together. 5 s.
    pub acquire_timeout: Duration,
    /// How long a connection may lie idle and still be lent. Should be less than the server's own limit. 30 s.
    pub max_idle: Duration,
    /// How old a connection may become; then it is closed when it comes back, so that load moves to servers that were added. 30 min.
    pub max_life: Duration,
    /// A connection that has been idle for this long is [checked](crate::Connect::check) before it is lent. 1 s.
    pub check_after: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        PoolSettings {
            max_open: 64,
            max_connecting: 8,
            acquire_timeout: Duration::from_secs(5),
            max_idle: Duration::from_secs(30),
            max_life: Duration::from_secs(30 * 60),
            check_after: Duration::from_secs(1),
        }
    }
}

impl PoolSettings {
    pub(crate) fn check(&self) -> Result<(), RunError> {
        let refused = |field, value: String, why| Err(RunError::Config { field, value, why });
        for (field, count) in [("max_open", self.max_open), ("max_connecting", self.max_connecting)] {
            if count == 0 {
                return refused(field, "0".to_owned(), "every acquire would wait in vain");
            }
        }
        for (field, span, why) in [
            ("acquire_timeout", self.acquire_timeout, "no connection opens in no time"),
            ("max_idle", self.max_idle, "no connection would be lent twice"),
            ("max_life", self.max_life, "no connection would be lent twice"),
            (
                "check_after",
                self.check_after,
                "every acquire would ask the server: set a nanosecond if it shall",
            ),
        ] {
            if span.is_zero() {
                return refused(field, "0s".to_owned(), why);
            }
        }
        Ok(())
    }
}
