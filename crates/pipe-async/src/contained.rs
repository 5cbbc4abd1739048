//! Panics that end nothing.

use pipe_core::Payload;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls what is foreign on a thread that others wait for. What it throws, a waker or the `Drop` of an output that nobody wants, must not
/// end that thread: they would wait for ever.
pub(crate) fn contained(foreign: impl FnOnce()) {
    if let Err(thrown) = catch_unwind(AssertUnwindSafe(foreign)) {
        // Its own `Drop` may panic as well: that of a payload does not.
        drop(Payload::new(thrown));
    }
}
