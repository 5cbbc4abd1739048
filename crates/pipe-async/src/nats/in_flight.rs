//! How many messages are sent and have no receipt yet.

use crate::transport::{GiveUp, TICK, TransportError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// How many messages are on their way.
#[derive(Default)]
pub(super) struct InFlight {
    count: Mutex<u32>,
    left: Condvar,
}

pub(super) struct Seat(Arc<InFlight>);

impl InFlight {
    /// Waits until there are fewer than `most`. Each of them has a limit to its time, so this has one, too.
    pub(super) fn enter(
        this: &Arc<InFlight>,
        most: u32,
        give_up: Option<&GiveUp>,
    ) -> Result<Seat, TransportError> {
        let mut count = this.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count >= most {
            count = match give_up {
                Some(when) if when.is_due() => return Err(TransportError::Stopped),
                Some(_) => this.left.wait_timeout(count, TICK).unwrap_or_else(PoisonError::into_inner).0,
                None => this.left.wait(count).unwrap_or_else(PoisonError::into_inner),
            };
        }
        *count += 1;
        Ok(Seat(this.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}
