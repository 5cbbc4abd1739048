//! Buffers of a few sizes, aligned to pages.

use super::error::PoolError;
use super::line::{Grant, Line};
use super::within::{Instant, after, within};
use pipe_core::{RunError, Weigh};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// What reads past the system's cache ask for; the alignment of every buffer.
const PAGE: usize = 4096;

/// Lends buffers of a few sizes, each a bounded number of times at once. Clones are the same pool.
///
/// So the memory of all operations in flight has a bound that is known beforehand: [`BufferPool::bytes`]. Whoever asks for more than is there
/// waits, in the order of coming, and an operation that is dropped leaves the line. Buffers are made when they are needed first, and kept.
///
/// ```
/// use pipe_async::{BufferClass, BufferPool};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = BufferPool::new(&[BufferClass { bytes: 4 << 10, most: 64 }], Duration::from_secs(5))?;
/// let mut page = pool.get(100).await?;
/// page.copy_from_slice(&[7; 100]);
/// assert_eq!((page.len(), page.as_ptr() as usize % 4096), (100, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BufferPool {
    shared: Arc<Shared>,
}

struct Shared {
    /// The smallest first.
    classes: Vec<(BufferClass, Line<Block>)>,
    patience: Duration,
}

/// Buffers of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferClass {
    /// How large they are. Rounded up to pages of 4 KiB.
    pub bytes: usize,
    /// How many there may be.
    pub most: usize,
}

/// A page-aligned piece of memory that never moves. It is a page longer than what is used of it: so it needs no unsafe code.
struct Block {
    memory: Vec<u8>,
    start: usize,
}

impl Block {
    fn new(bytes: usize) -> Self {
        // Zeroed memory comes from the system as it is used first.
        let memory = vec![0; bytes + PAGE];
        let start = memory.as_ptr().align_offset(PAGE);
        Block { memory, start }
    }
}

impl BufferPool {
    /// A pool with these sizes. `patience` is how long [`get`](BufferPool::get) waits.
    ///
    /// # Errors
    /// [`RunError::Config`] if there are no classes, or one of the numbers is zero.
    pub fn new(classes: &[BufferClass], patience: Duration) -> Result<Self, RunError> {
        let refused = |field, value: String, why| Err(RunError::Config { field, value, why });
        if classes.is_empty() {
            return refused("classes", "none".to_owned(), "a pool of buffers has at least one size");
        }
        if patience.is_zero() {
            return refused("patience", "0s".to_owned(), "who has to wait would never get a buffer");
        }
        let mut sorted = classes.to_vec();
        for class in &mut sorted {
            if class.bytes == 0 || class.most == 0 {
                return refused("classes", format!("{class:?}"), "every get would wait in vain");
            }
            // A block is a page longer, and no more than half of the addresses.
            let Some(bytes) = class
                .bytes
                .checked_next_multiple_of(PAGE)
                .filter(|bytes| *bytes < isize::MAX as usize - PAGE)
            else {
                return refused("classes", format!("{class:?}"), "no memory is that large");
            };
            class.bytes = bytes;
        }
        sorted.sort_by_key(|class| class.bytes);
        let classes = sorted.into_iter().map(|class| (class, Line::new(class.most, class.most))).collect();
        Ok(BufferPool { shared: Arc::new(Shared { classes, patience }) })
    }

    /// A buffer of `bytes`, from the smallest class that has room for it. What is in it is unspecified: zeros, or what an earlier user left.
    ///
    /// Waits for its turn, on any runtime; inside of tokio's it needs timers. Dropping the future leaves the line.
    ///
    /// # Errors
    /// [`PoolError::TooLarge`] if no class has that size, [`PoolError::TimedOut`] if none came back in time.
    pub async fn get(&self, bytes: usize) -> Result<Buffer, PoolError> {
        let Some(class) = self.shared.classes.iter().position(|(class, _)| class.bytes >= bytes) else {
            let limit = self.shared.classes.last().map_or(0, |(class, _)| class.bytes);
            return Err(PoolError::TooLarge { wanted: bytes, limit });
        };
        let (settings, line) = &self.shared.classes[class];
        let begun = Instant::now();
        let granted = {
            let turn = pin!(line.turn());
            within(after(begun, self.shared.patience), turn).await
        };
        // Behind the end of that turn, which has left the line.
        match granted {
            Some(grant) => {
                let block = match grant {
                    Grant::Object(block) => block,
                    Grant::Place => {
                        let block = Block::new(settings.bytes);
                        line.made();
                        block
                    }
                };
                Ok(Buffer { block: Some(block), len: bytes, class, shared: self.shared.clone() })
            }
            None => {
                let standing = line.standing();
                Err(PoolError::TimedOut {
                    waited: begun.elapsed(),
                    limit: settings.most,
                    lent: standing.places - standing.idle,
                    connecting: 0,
                    waiting: standing.waiting,
                })
            }
        }
    }

    /// The most memory that it may hold, in bytes.
    pub fn bytes(&self) -> usize {
        self.shared.classes.iter().map(|(class, _)| class.most.saturating_mul(class.bytes + PAGE)).sum()
    }

    /// How many buffers it has made that are not lent at the moment.
    pub fn idle(&self) -> usize {
        self.shared.classes.iter().map(|(_, line)| line.standing().idle).sum()
    }
}

/// 4 MiB in buffers of 4 KiB, 16 MiB in buffers of 64 KiB, 16 MiB in buffers of 1 MiB; patience of 5 s.
impl Default for BufferPool {
    fn default() -> Self {
        let classes = [(4 << 10, 1024), (64 << 10, 256), (1 << 20, 16)];
        let classes = classes.map(|(bytes, most)| BufferClass { bytes, most });
        BufferPool::new(&classes, Duration::from_secs(5)).expect("no number is zero")
    }
}

/// A buffer on loan, aligned to 4 KiB; dropped, it goes back.
pub struct Buffer {
    /// `None` once it went back.
    block: Option<Block>,
    len: usize,
    class: usize,
    shared: Arc<Shared>,
}

impl Buffer {
    /// Makes it shorter. More than it has changes nothing.
    pub fn truncate(&mut self, bytes: usize) {
        self.len = self.len.min(bytes);
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.block.as_ref().map_or(&[], |block| &block.memory[block.start..][..self.len])
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.block.as_mut().map_or(&mut [], |block| &mut block.memory[block.start..][..self.len])
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// All of its memory, also what lies behind its length.
impl Weigh for Buffer {
    fn heap(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.memory.len())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.shared.classes[self.class].1.give(block);
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standings = self.shared.classes.iter().map(|(class, line)| (class, line.standing()));
        f.debug_map().entries(standings).finish()
    }
}
