//! The kit that proves an executor, a source, a stage or a sink: one runner, many implementations, one naive loop that says what is right.
//!
//! # Prove your executor
//!
//! ```
//! use pipe_core::testing::{Fuzz, laws};
//!
//! // In a test of your crate, with your executor in the place of `Fuzz`:
//! let mine = Fuzz::new(1);
//! laws::named(&mine); // what every executor must do, law by law
//! let mut coverage = laws::random_cases(&mine, laws::seeds(0..200)); // `laws::CASES` in earnest
//! coverage.merge(laws::written_chains(&mine));
//! println!("{}", coverage.table()); // adapter by policy
//! assert_eq!(coverage.missing(), []);
//! ```
//!
//! [`laws::executor`] does all of this. A random pipeline that gives something else is printed as a program, with its seed:
//! `PIPE_SEED=17 cargo test` runs that one alone. Laws that ask for more than the executor, such as how many bytes may be alive, are called
//! by name beside it. An executor that returns futures is proved inside of one that blocks on them; laws take any
//! [`BlockingExecutor<'static>`](crate::BlockingExecutor), as a [`Provable`].
//!
//! # What is in it
//!
//! * [`laws`]: what every executor must do, and what sources, batches, stages and sinks must.
//! * [`Case`], [`Op`], [`Shape`], [`expect`]: random pipelines over all adapters and policies, and what they give when they are run as one
//!   would write them down.
//! * [`Fuzz`]: an executor that runs a plan under random schedules, with virtual workers and [virtual time](VirtualClock).
//! * [`ScriptedSource`], [`TextSource`], [`ScriptedSink`], [`PlacedSink`], [`LetterLog`]: neighbours with a handle, which fail where they
//!   are told to.
//! * [`Counted`]: an item that knows how many of its kind are alive.
//! * [`Coverage`]: which adapters have run on which executor under which policy.
//!
//! Not in it: speed (a benchmark's business), threads (an executor's), async stages (they need a reactor; the crate that has one proves
//! them).

mod build;
mod case;
mod chains;
mod check;
mod clock;
mod counted;
mod coverage;
mod fuzz;
pub mod laws;
mod letters;
mod num;
mod op;
mod oracle;
mod provable;
mod rng;
mod script;
mod shape;
mod steps;
mod text;
mod watch;

pub use case::{Block, Case, Finish};
pub use clock::VirtualClock;
pub use counted::{Counted, Live};
pub use coverage::Coverage;
pub use fuzz::{Fuzz, Step};
pub use letters::{Letter, LetterLog};
pub use num::Num;
pub use op::Op;
pub use oracle::{Account, End, Expected, expect};
pub use provable::Provable;
pub use rng::Rng;
pub use script::{PlacedSink, Pull, ScriptedSink, ScriptedSource, SinkLog};
pub use shape::{Outcome, Rule, Shape};
pub use text::{TextSource, Texts};
