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
//! A plan stays a list: fan-out is a sink made of sinks ([`tee`], [`route`]), fan-in a source made of sources ([`concat()`], [`merge`],
//! [`zip`]). Stages behind a fan-out, or before a fan-in, are pipelines of their own, joined by a [`branch`]: its sink side ends one, its
//! source side starts the next, and a bounded edge lies between.
//!
//! Bounded edges make it possible to ask for what cannot be had in bounded memory. Where that is, and that it ends with an error
//! instead of a hang, is said for users at [`concat()`]; how each wait comes to have a limit, in `edge.rs` and `bell.rs`.

mod backlog;
mod bell;
mod branch;
mod branch_error;
mod concat;
mod edge;
mod merge;
mod patience;
mod route;
mod tagged;
mod tee;
mod zip;

pub use backlog::Backlog;
pub use branch::{Bound, BranchReport, BranchSink, BranchSource, Overflow, branch};
pub use branch_error::{BranchError, BranchErrorKind};
pub use concat::{Concat, concat};
pub use merge::{Merged, merge};
pub use route::{Route, route};
pub use tagged::Tagged;
pub use tee::{Tee, tee};
pub use zip::{Zip, zip};
