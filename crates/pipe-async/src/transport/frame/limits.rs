//! How large frames may become, and when one is sent.

use super::HEADER;
use crate::transport::error::TransportError;
use std::time::Duration;

/// How large a frame may become, and when it is sent. The limits hold for what is written and for what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// The number of items that makes a frame full: 1,000 unless set, since more gain little.
    pub items: u32,
    /// The bytes of items that make a frame full: 128 KiB unless set.
    pub target_bytes: usize,
    /// No frame is larger than this, its header included: 512 KiB unless set, half of what a NATS server takes. One item that needs more
    /// is an error.
    pub max_bytes: usize,
    /// No frame that is read has more items than this: 65,536 unless set.
    pub max_items: u32,
    /// How long the first item of a frame waits until the frame is sent though it is not full: 1 ms unless set. `None`: only when it is full, or the
    /// last one. Then equal items make equal frames, and a run that is started again sends nothing twice.
    pub linger: Option<Duration>,
}

impl Default for FrameLimits {
    fn default() -> Self {
        FrameLimits {
            items: 1_000,
            target_bytes: 128 << 10,
            max_bytes: 512 << 10,
            max_items: 65_536,
            linger: Some(Duration::from_millis(1)),
        }
    }
}

impl FrameLimits {
    pub(crate) fn check(&self) -> Result<(), TransportError> {
        let least = HEADER + 1;
        for (field, value, least) in [
            ("items", self.items as usize, 1),
            ("target_bytes", self.target_bytes, 1),
            ("max_bytes", self.max_bytes, least),
            ("max_items", self.max_items as usize, 1),
        ] {
            if value < least {
                let why = "a frame has to have room for an item";
                return Err(TransportError::Config { field, value: value.to_string(), why });
            }
        }
        match u32::try_from(self.max_bytes) {
            Ok(_) => Ok(()),
            Err(_) => {
                let (field, value) = ("max_bytes", self.max_bytes.to_string());
                Err(TransportError::Config { field, value, why: "the length of a frame has 32 bits" })
            }
        }
    }
}
