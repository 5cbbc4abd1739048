//! Limits of a client.

use crate::pool::PoolSettings;
use pipe_core::RunError;
use std::time::Duration;

/// Limits of a [`HttpClient`](crate::HttpClient). A zero is a `Config` error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpSettings {
    /// Of the connections to one origin: scheme, host and port. An idle one is always looked at before it is lent, since that costs nothing.
    pub pool: PoolSettings,
    /// Origins to which connections are kept. 64.
    pub max_origins: usize,
    /// Bytes of an answer's body. 16 MiB.
    pub max_body: usize,
    /// How long a fetch may take, from the wait for a connection to the last byte. 30 s.
    pub timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        HttpSettings {
            pool: PoolSettings::default(),
            max_origins: 64,
            max_body: 16 << 20,
            timeout: Duration::from_secs(30),
        }
    }
}

impl HttpSettings {
    pub(super) fn check(&self) -> Result<(), RunError> {
        self.pool.check()?;
        let refused = |field, value: &str, why| Err(RunError::Config { field, value: value.to_owned(), why });
        if self.max_origins == 0 {
            return refused("max_origins", "0", "nothing could be connected to");
        }
        if self.max_body == 0 {
            return refused("max_body", "0", "every answer would be too large");
        }
        if self.timeout.is_zero() {
            return refused("timeout", "0s", "nothing is answered in no time");
        }
        Ok(())
    }
}
