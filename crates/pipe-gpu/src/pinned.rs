//! Blocks whose memory is pinned: a source reads into it, and the device copies from it and to it.

use crate::cuda::Pages;
use crate::element::Element;
use crate::error::GpuError;
use crate::executor::Gpu;
use pipe_core::Weigh;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Blocks of one size in pinned memory, which are used again. Made by [`Gpu::pinned`]; clones share them.
///
/// A device copies at the rate of its bus from pinned memory only: any other block is copied once more on the host, to pinned memory and back. To pin
/// is slow, so blocks come back here when they are dropped. Whoever asks for more than are pinned at most gets ordinary memory, which works just as
/// well, and is slower; nobody waits.
///
/// ```
/// use pipe_core::kernel::{Count, Compare, Program};
/// use pipe_core::from_source;
/// use pipe_gpu::{Gpu, Pinned};
///
/// let gpu = Gpu::new();
/// let mut file: &[u8] = &[7; 10_000];                  // or std::fs::File: anything that reads
/// let blocks = gpu.pinned::<u8>(4_096, 8).filled_by(move |block| std::io::Read::read(&mut file, block));
/// let darker = from_source(blocks).stage(Pinned(Program::new().sub(5)));
/// let twos = darker.reduce(Count(Compare::Equal, 2)).run_on(&gpu)?;
/// assert_eq!(twos.value, Some(10_000));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct PinnedBlocks<T> {
    shared: Arc<Shared>,
    numbers: PhantomData<fn() -> T>,
}

struct Shared {
    gpu: Gpu,
    /// How many numbers a block has, and how many bytes.
    len: usize,
    bytes: usize,
    /// How many are pinned at most.
    most: usize,
    pages: Mutex<Kept>,
    /// Why blocks are not pinned.
    refused: OnceLock<GpuError>,
}

#[derive(Default)]
struct Kept {
    idle: Vec<Pages>,
    /// Idle or lent.
    made: usize,
}

impl Gpu {
    /// Blocks of `numbers` numbers in pinned memory, at most `blocks` of them at once. For a chain with one [`Pinned`](crate::Pinned) step: two for each worker, and as many
    /// as wait between steps. Nothing is pinned before the first one is [taken](PinnedBlocks::take).
    pub fn pinned<T: Element>(&self, numbers: usize, blocks: usize) -> PinnedBlocks<T> {
        let shared = Shared {
            gpu: self.clone(),
            len: numbers,
            bytes: numbers.saturating_mul(size_of::<T>()),
            most: blocks,
            pages: Mutex::default(),
            refused: OnceLock::new(),
        };
        PinnedBlocks { shared: Arc::new(shared), numbers: PhantomData }
    }
}

impl<T: Element> PinnedBlocks<T> {
    /// A block: of zeros, or of what was in it when it came back. For a pipeline that begins with them there is [`filled_by`](PinnedBlocks::filled_by), which has one under
    /// way at a time: `from_iter` does not know how large they are, and takes thousands at once.
    pub fn take(&self) -> PinnedBlock<T> {
        let mut kept = self.shared.lock();
        if let Some(pages) = kept.idle.pop() {
            return self.block(pages, Home::Pool);
        }
        let home = if kept.made < self.shared.most { Home::Pool } else { Home::None };
        kept.made += usize::from(home == Home::Pool);
        drop(kept);
        let mut pages = Pages::new(self.shared.bytes);
        if home == Home::Pool {
            self.shared.pin(&mut pages);
        }
        self.block(pages, home)
    }

    /// How many numbers a block has.
    pub fn block_len(&self) -> usize {
        self.shared.len
    }

    fn block(&self, pages: Pages, home: Home) -> PinnedBlock<T> {
        let (len, shared) = (self.shared.len, self.shared.clone());
        PinnedBlock { pages: Some(pages), len, home, shared, numbers: PhantomData }
    }
}

impl<T> Clone for PinnedBlocks<T> {
    fn clone(&self) -> Self {
        PinnedBlocks { shared: self.shared.clone(), numbers: PhantomData }
    }
}

impl<T> fmt::Debug for PinnedBlocks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedBlocks")
            .field("numbers", &self.shared.len)
            .field("blocks", &self.shared.most)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Without a device they are ordinary memory.
    fn pin(&self, pages: &mut Pages) {
        if self.refused.get().is_none()
            && let Err(error) = self.gpu.opened().and_then(|fleet| fleet.pin(pages))
        {
            // Asked once: another answer would come as late.
            self.refused.get_or_init(|| error);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a block goes when it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    Pool,
    /// There were enough of them.
    None,
}

/// A block of [`PinnedBlocks`]: numbers to read and write, which go back there when it is dropped. `.stage(Pinned(program))` computes over it, `.reduce(..)`
/// and `.transform(..)` read it, and `.kernel(..)` takes a copy of it.
pub struct PinnedBlock<T: Element> {
    /// There until it is dropped.
    pages: Option<Pages>,
    len: usize,
    home: Home,
    shared: Arc<Shared>,
    numbers: PhantomData<fn() -> T>,
}

impl<T: Element> PinnedBlock<T> {
    /// Keeps the first `len` numbers; all, if there are no more.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Whether the device copies from it and to it: there is one, the driver has pinned it, and it is not one too many.
    pub fn is_pinned(&self) -> bool {
        self.pages.as_ref().is_some_and(Pages::is_pinned)
    }

    /// Why it is not pinned though it is not one too many.
    pub(crate) fn refused(&self) -> Option<&GpuError> {
        self.shared.refused.get().filter(|_| self.home == Home::Pool && !self.is_pinned())
    }

    /// Another one of as many numbers.
    pub(crate) fn another(&self) -> Self {
        let blocks = PinnedBlocks { shared: self.shared.clone(), numbers: PhantomData };
        let mut other = blocks.take();
        other.truncate(self.len);
        other
    }

    /// Its memory, which leaves it without: it is to be dropped, or given it again.
    pub(crate) fn take_pages(&mut self) -> Option<Pages> {
        self.pages.take()
    }

    pub(crate) fn put_pages(&mut self, pages: Option<Pages>) {
        self.pages = pages;
    }
}

impl<T: Element> Deref for PinnedBlock<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.pages.as_ref().map_or(&[], |pages| pages.numbers(self.len))
    }
}

impl<T: Element> DerefMut for PinnedBlock<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.pages.as_mut().map_or(&mut [], |pages| pages.numbers_mut(self.len))
    }
}

impl<T: Element> AsRef<[T]> for PinnedBlock<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: Element> AsMut<[T]> for PinnedBlock<T> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

/// A copy.
impl<T: Element> From<PinnedBlock<T>> for Vec<T> {
    fn from(block: PinnedBlock<T>) -> Self {
        block.to_vec()
    }
}

/// All of its memory, also where it was cut short.
impl<T: Element> Weigh for PinnedBlock<T> {
    fn heap(&self) -> usize {
        self.pages.as_ref().map_or(0, Pages::bytes)
    }
}

impl<T: Element> fmt::Debug for PinnedBlock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PinnedBlock").field(&&**self).finish()
    }
}

impl<T: Element> Drop for PinnedBlock<T> {
    fn drop(&mut self) {
        if self.home == Home::Pool {
            let mut kept = self.shared.lock();
            match self.pages.take() {
                Some(pages) => kept.idle.push(pages),
                // A device that is lost may still write to it.
                None => kept.made -= 1,
            }
        }
    }
}
