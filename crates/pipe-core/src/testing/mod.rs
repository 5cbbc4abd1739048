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
//! println!("{}", coverage.table()); // adapter by policy, source by end
//! assert_eq!(coverage.missing(), []);
//! ```
//!
//! [`laws::executor`] does all of this. A random pipeline that gives something else is printed as a program, with its seed:
//! `PIPE_SEED=17 cargo test` runs that one alone. Laws that ask for more than the executor, such as how many bytes may be alive, are called
//! by name beside it. An executor that returns futures is proved inside of one that blocks on them; laws take any
//! [`BlockingExecutor<'static>`](crate::BlockingExecutor), as a [`Provable`]. [`WithReactor`] puts async stages into its random pipelines.
//!
//! # What is in it
//!
//! * [`laws`]: what every executor must do, and what sources, batches, stages and sinks must.
//! * [`Case`], [`Input`], [`Op`], [`Finish`], [`Shape`], [`expect`]: random pipelines over all adapters and policies, from all sources (an
//!   iterator, a script, its first rows, borrowed rows, blocks of numbers, fan-in) to all ends (sinks, a fold, fan-out), and what they give
//!   when they are run as one would write them down.
//! * [`Fuzz`]: an executor that runs a plan under random schedules, with virtual workers and [virtual time](VirtualClock).
//! * [`ScriptedSource`], [`TextSource`], [`ScriptedSink`], [`PlacedSink`], [`LetterLog`]: neighbours with a handle, which fail where they
//!   are told to.
//! * [`Counted`]: an item that knows how many of its kind are alive.
//! * [`Rude`], [`RudeSource`]: what throws when it is dropped.
//! * [`Coverage`]: which adapters have run on which executor under which policy, and which sources with which ends.
//!
//! Not in it: speed (a benchmark's business), threads (an executor's, but for the one that reads a branch), what async stages add to the
//! laws, such as how many operations are in flight (the crate that has a reactor proves it).

mod build;
mod case;
mod chains;
mod check;
mod clock;
mod counted;
mod coverage;
mod ends;
mod finish;
mod fuzz;
mod input;
pub mod laws;
mod letters;
mod num;
mod op;
mod oracle;
mod provable;
mod reactor;
mod rng;
mod row;
mod rude;
mod script;
mod sealed;
mod shape;
mod steps;
mod text;
mod watch;

pub use case::{Block, Case};
pub use clock::VirtualClock;
pub use counted::{Counted, Live};
pub use coverage::Coverage;
pub use finish::Finish;
pub use fuzz::{Fuzz, Step};
pub use input::Input;
pub use letters::{Letter, LetterLog};
pub use num::Num;
pub use op::Op;
pub use oracle::{Account, End, Expected, expect};
pub use provable::Provable;
pub use reactor::{Call, Failing, Operation, Passing, Waiting, WithReactor};
pub use rng::Rng;
pub use rude::{Rude, RudeSource};
pub use script::{PlacedSink, Pull, ScriptedSink, ScriptedSource, SinkLog};
pub use shape::{Outcome, Rule, Shape};
pub use text::{TextSource, Texts};
