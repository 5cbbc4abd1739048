//! The programs that are compared: one file for each peer, and one for each program of ours.

pub(crate) mod buffers;
pub(crate) mod bufread;
pub(crate) mod compile;
pub(crate) mod crossbeam;
pub(crate) mod hand;
pub(crate) mod mapped;
pub(crate) mod ours;
pub(crate) mod pariter;
pub(crate) mod rayon;
pub(crate) mod records;
pub(crate) mod std_iterator;
