//! What contenders are generic over: a task is its items, what is done with each, and what of it the answer holds.

/// Work on items of an iterator that does not tell its length, into one serial sink.
pub(crate) trait Task: 'static {
    type In: Send + Sync + 'static;
    type Out: Send + Sync + 'static;

    /// Items of a hand-made chunk: of 1, 4, 16, ... the size that was best for the peers, or as good as the best.
    const CHUNK: usize;

    /// The items; what they are made of is made before the clock runs.
    fn items(size: u64, parameter: u64) -> impl Iterator<Item = Self::In> + Send + 'static;

    fn work(item: Self::In) -> Self::Out;

    /// What the sink takes of an output.
    fn digest(output: &Self::Out) -> u64;
}
