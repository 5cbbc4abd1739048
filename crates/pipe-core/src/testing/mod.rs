//! The kit that proves an executor, a source or a sink: one runner, many implementations, one naive oracle.
//!
//! * [`laws`]: what every executor must do. `laws::executor(&MyExecutor)` checks all of them.
//! * [`oracle`]: random pipelines, and what they give when each stage is a loop over a vector.
//! * [`ScriptedSource`], [`ScriptedSink`]: neighbours with a handle, which fail where they are told to.
//! * [`Counted`]: an item that knows how many of its kind are alive.

mod counted;
pub mod laws;
pub mod oracle;
mod rng;
mod script;

pub use counted::{Counted, Live};
pub use rng::Rng;
pub use script::{Pull, ScriptedSink, ScriptedSource, SinkLog};
