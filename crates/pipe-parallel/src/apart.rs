//! What workers write beside what they only read.

/// On lines of the cache of its own: who only reads what lies beside it in a structure does not wait for those who write it. Two lines of 64
/// bytes, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);
