//! Fan-out and fan-in: several ways from here, several ways to here.
//!
//! ```text
//! source -> stages -> tee --> sink
//!                      `---> branch ==bounded edge==> branch -> stages -> sink      a run of its own, on a thread of its own
//!
//! source --.
//! source ---> concat, merge, zip -> stages -> sink
//! ```
//!
//! A plan stays a list: fan-out is a sink made of sinks ([`tee`], [`route`]), fan-in a source made of sources ([`concat`], [`merge`],
//! [`zip`]). Stages behind a fan-out, or before a fan-in, are pipelines of their own, joined by a [`branch`]: its sink side ends one, its
//! source side starts the next, and a bounded edge lies between.
//!
//! # What cannot end
//!
//! Bounded edges make it possible to ask for what cannot be had. `concat` of both branches of one `tee` reads the first to its end; the
//! second fills up meanwhile, so the tee waits, so the first does not end. `zip` of both branches of a `route` comes to the same when
//! the route sends many items in a row one way, and so does `run_on` of two joined pipelines one after the other on one thread. Such a
//! program needs as much memory as there is input. It does not hang: each wait on an edge has a limit ([`Bound::stall_after`]), behind
//! which the run ends with [`BranchErrorKind::Stalled`] and says which branch was how full.
//!
//! Ways out: `merge` in place of `concat`; an edge that may drop ([`Overflow`]); a bound as large as the need is.

mod bell;
mod branch;
mod branch_error;
mod concat;
mod edge;
mod merge;
mod route;
mod tagged;
mod tee;
mod zip;

pub use branch::{Bound, BranchReport, BranchSink, BranchSource, Overflow, branch};
pub use branch_error::{BranchError, BranchErrorKind};
pub use concat::{Concat, concat};
pub use merge::{Merged, merge};
pub use route::{Route, route};
pub use tagged::Tagged;
pub use tee::{Tee, tee};
pub use zip::{Zip, zip};
