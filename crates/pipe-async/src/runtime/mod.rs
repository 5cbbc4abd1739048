//! What a runtime gives: a timer, and the promise to poll. One module for each; nothing else names a runtime.

pub(crate) mod tokio;
