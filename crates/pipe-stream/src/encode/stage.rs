//! The stage that encodes.
//!
//! Its outputs have no borders of their own: however records are distributed over workers and batches, the blocks in their order make up
//! the same bytes. So a worker appends to one buffer and lets it go when it is full, and at the end of each batch, where the executor puts
//! what was emitted into its place.

use crate::encode::{Block, BlockSpares, EncodedBy, Encoder, KeyedBlock};
use pipe_core::{BoxError, Emit, Flow, Item, Own, Pipeline, Sharing, Stage, Step, Then};
use std::fmt;
use std::mem;

/// Lets a pipeline end in encoded records: `.encode(AsLines)`.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{AsLines, Encode, FileSink, lines};
///
/// # let folder = tempfile::tempdir()?;
/// # let (log, errors) = (folder.path().join("log"), folder.path().join("errors"));
/// # std::fs::write(&log, b"error: hot\ninfo: up\nerror: off\n")?;
/// let report = lines(&log)?
///     .filter(|line| line.starts_with(b"error"))
///     .encode(AsLines)                            // by the workers, no allocation per line
///     .to(FileSink::create(&errors)?)             // whole blocks, in order
///     .run_on(&Inline)?;
/// assert_eq!(std::fs::read(&errors)?, b"error: hot\nerror: off\n");
/// assert_eq!((report.taken(), report.value), (3, 22));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What leaves the stage are [`Block`]s, so that is what the report counts as emitted and written: how many depends on the executor. For the
/// number of records ask for it in front: `.counted().encode(..)`.
pub trait Encode<U, C, I: Item> {
    /// Encodes each record, borrowed or owned, on the worker that has it. A worker holds one block of 256 KiB, or one record that is larger,
    /// and up to eight spare ones. An error of the encoder is one of this stage: policies and `retry` apply.
    fn encode<E>(self, encoder: E) -> Pipeline<U, Then<C, Encoded<E>>, Own<Block>>
    where
        E: for<'a> Encoder<I::Of<'a>>;

    /// As [`encode`](Self::encode), for a [`PerKeySink`](crate::PerKeySink): `key` appends the name of the file that a record goes to.
    ///
    /// ```
    /// use pipe_core::Inline;
    /// use pipe_stream::{AsLines, Encode, PerKeySink, lines};
    ///
    /// # let parent = tempfile::tempdir()?;
    /// # let (log, levels) = (parent.path().join("log"), parent.path().join("levels"));
    /// # std::fs::write(&log, b"error: hot\ninfo: up\nerror: off\n")?;
    /// let level = |line: &&[u8], name: &mut Vec<u8>| {
    ///     name.extend(line.split(|byte| *byte == b':').next().ok_or("a line without a level")?);
    ///     Ok(())
    /// };
    /// lines(&log)?.encode_by(level, AsLines).to(PerKeySink::create(&levels)?).run_on(&Inline)?;
    /// assert_eq!(std::fs::read(levels.join("error"))?, b"error: hot\nerror: off\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// What leaves the stage are [`KeyedBlock`]s: the records of all keys in their order, so that a worker holds one block and not one for each
    /// key. An error of `key` is one of this stage.
    fn encode_by<K, E>(self, key: K, encoder: E) -> Pipeline<U, Then<C, EncodedBy<K, E>>, Own<KeyedBlock>>
    where
        K: for<'a, 'b, 'n> Fn(&'b I::Of<'a>, &'n mut Vec<u8>) -> Result<(), BoxError> + Send + Sync,
        E: for<'a> Encoder<I::Of<'a>>;
}

impl<U, C, I: Item> Encode<U, C, I> for Pipeline<U, C, I> {
    fn encode<E>(self, encoder: E) -> Pipeline<U, Then<C, Encoded<E>>, Own<Block>>
    where
        E: for<'a> Encoder<I::Of<'a>>,
    {
        // Weighed, because one record may become any number of blocks.
        self.stage(Encoded { encoder }).named("encode").weighed()
    }

    fn encode_by<K, E>(self, key: K, encoder: E) -> Pipeline<U, Then<C, EncodedBy<K, E>>, Own<KeyedBlock>>
    where
        K: for<'a, 'b, 'n> Fn(&'b I::Of<'a>, &'n mut Vec<u8>) -> Result<(), BoxError> + Send + Sync,
        E: for<'a> Encoder<I::Of<'a>>,
    {
        self.stage(EncodedBy { key, encoder }).named("encode").weighed()
    }
}

/// Encodes records; made by [`Encode::encode`].
#[derive(Debug)]
pub struct Encoded<E> {
    encoder: E,
}

/// The block that a worker fills.
#[derive(Default)]
pub struct Filling {
    bytes: Vec<u8>,
    /// Where each record starts in them.
    starts: Vec<u32>,
    spares: BlockSpares,
}

impl fmt::Debug for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filling")
            .field("bytes", &self.bytes.len())
            .field("records", &self.starts.len())
            .finish_non_exhaustive()
    }
}

impl<E: Send + Sync> Stage for Encoded<E> {
    type State = Filling;

    const SHARING: Sharing = Sharing::PerWorker;

    fn state(&self) -> Filling {
        Filling::default()
    }

    fn state_bytes(&self, filling: &Filling) -> usize {
        filling.bytes.capacity() + filling.starts.capacity() * size_of::<u32>()
    }
}

impl<In, E: Encoder<In>> Step<In> for Encoded<E> {
    type Out = Block;

    #[inline(always)]
    fn push<O: Emit<Block>>(&self, filling: &mut Filling, record: In, out: &mut O) -> Flow {
        let before = filling.bytes.len();
        if let Err(error) = self.encoder.encode(record, &mut filling.bytes) {
            filling.bytes.truncate(before);
            return out.fail(error);
        }
        // A block that is not full yet has less than 256 KiB.
        filling.starts.push(before as u32);
        if filling.bytes.len() < Block::BYTES && filling.starts.len() < Block::RECORDS {
            return Flow::Continue(());
        }
        out.emit(filling.take())
    }

    fn rest<O: Emit<Block>>(&self, filling: &mut Filling, out: &mut O) -> Flow {
        if filling.starts.is_empty() { Flow::Continue(()) } else { out.emit(filling.take()) }
    }

    fn finish<O: Emit<Block>>(&self, mut filling: Filling, out: &mut O) -> Flow {
        self.rest(&mut filling, out)
    }
}

impl Filling {
    /// A batch may leave a few bytes in a large buffer: these are copied, so that what waits at the sink is no larger than what is in it.
    const MOSTLY_EMPTY: usize = 8;

    #[cold]
    #[inline(never)]
    fn take(&mut self) -> Block {
        if self.bytes.len() < self.bytes.capacity() / Self::MOSTLY_EMPTY {
            let (bytes, starts) = (self.bytes.as_slice().to_vec(), self.starts.as_slice().to_vec());
            self.bytes.clear();
            self.starts.clear();
            return Block::new(bytes, starts, None);
        }
        let bytes = mem::replace(&mut self.bytes, self.spares.bytes.take());
        let starts = mem::replace(&mut self.starts, self.spares.starts.take());
        Block::new(bytes, starts, Some(&self.spares))
    }
}
