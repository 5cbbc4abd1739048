//! What all pools have in common.

use std::ops::DerefMut;

/// Lends objects, which come back when their guard is dropped.
///
/// For code that does not care which pool it is given. Laws: no object is lent twice at a time; one that comes back is reset before it is
/// lent again; one whose guard is dropped by a panic is not lent again.
///
/// ```
/// use pipe_mem::{Lend, LimitedPool, Pool};
///
/// fn shout(buffers: &impl Lend<Object = String>, word: &str) -> Option<String> {
///     let mut buffer = buffers.try_get()?;
///     buffer.push_str(word);
///     buffer.make_ascii_uppercase();
///     Some(buffer.clone())
/// }
///
/// assert_eq!(shout(&Pool::new(String::new, String::clear), "hey").as_deref(), Some("HEY"));
/// let limited = LimitedPool::new(1, String::new, String::clear)?;
/// let all = limited.try_get();
/// assert_eq!(shout(&limited, "hey"), None);
/// # drop(all);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub trait Lend {
    /// What is lent.
    type Object;

    /// Gives the object back when it is dropped.
    type Guard<'p>: DerefMut<Target = Self::Object>
    where
        Self: 'p;

    /// An object, without waiting. `None`: all that the pool may have are out.
    fn try_get(&self) -> Option<Self::Guard<'_>>;

    /// How many objects lie ready.
    fn idle(&self) -> usize;
}
