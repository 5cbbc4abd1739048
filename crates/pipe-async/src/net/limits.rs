//! What a peer may ask of us.

use super::error::NetError;
use std::time::Duration;

/// What a peer may cost. All are on, and a zero is a [`NetError::Config`]; for "never", set years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes of a frame, without its prefix or line feed. 1 MiB. A connection takes up to twice as much memory.
    pub max_frame: usize,
    /// How long a frame may take from its first byte to its last, in either direction: against peers that send a byte now and then, and those
    /// that stop reading. 10 s.
    pub frame_timeout: Duration,
    /// How long nothing may come while a frame is waited for. 60 s.
    pub idle_timeout: Duration,
    /// How long a connection may take to be made. 5 s.
    pub connect_timeout: Duration,
}

impl Default for WireLimits {
    fn default() -> Self {
        WireLimits {
            max_frame: 1 << 20,
            frame_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

impl WireLimits {
    pub(super) fn check(&self) -> Result<(), NetError> {
        if self.max_frame == 0 || self.max_frame > u32::MAX as usize {
            let why = "a frame has between 1 and 4,294,967,295 bytes";
            return Err(NetError::Config { field: "max_frame", value: self.max_frame.to_string(), why });
        }
        let spans = [
            ("frame_timeout", self.frame_timeout),
            ("idle_timeout", self.idle_timeout),
            ("connect_timeout", self.connect_timeout),
        ];
        match spans.into_iter().find(|(_, span)| span.is_zero()) {
            Some((field, _)) => {
                Err(NetError::Config { field, value: "0s".to_owned(), why: "nothing arrives in no time" })
            }
            None => Ok(()),
        }
    }
}

/// What all peers of a [`Listener`](crate::Listener) together may cost. A zero is a [`NetError::Config`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenSettings {
    /// Of each connection.
    pub limits: WireLimits,
    /// Connections that are served at once; more wait in the system's line. 256.
    pub max_connections: usize,
    /// Bytes of frames that have come and have not been pulled. Beyond that nothing is read, so peers are slowed down. 4 MiB. One frame may
    /// exceed it.
    pub max_queued: usize,
    /// How long the system may refuse to accept, for want of file descriptors, say, before the source fails with [`NetError::Accept`]. It is
    /// asked ten times a second. 30 s.
    pub accept_timeout: Duration,
}

impl Default for ListenSettings {
    fn default() -> Self {
        ListenSettings {
            limits: WireLimits::default(),
            max_connections: 256,
            max_queued: 4 << 20,
            accept_timeout: Duration::from_secs(30),
        }
    }
}

impl ListenSettings {
    pub(super) fn check(&self) -> Result<(), NetError> {
        self.limits.check()?;
        let counts = [("max_connections", self.max_connections), ("max_queued", self.max_queued)];
        for (field, count) in counts {
            if count == 0 || count > u32::MAX as usize {
                let why = "nothing would ever be read, or without end";
                return Err(NetError::Config { field, value: count.to_string(), why });
            }
        }
        if self.accept_timeout.is_zero() {
            let why = "one refusal would end the run";
            return Err(NetError::Config { field: "accept_timeout", value: "0s".to_owned(), why });
        }
        Ok(())
    }
}
