//! The items of one message, as a source.

use pipe_core::{BoxError, Items, Own, Source, Want};

/// The items of a message, on their way through a pipeline: a source that ends with the message. Positions are places in the message, so that
/// a stage that fails names the item.
#[derive(Debug)]
pub struct Taken<T> {
    /// Each with its place.
    left: std::vec::IntoIter<(u64, T)>,
    id: String,
    attempt: u32,
}

impl<T> Taken<T> {
    pub(crate) fn new(items: Vec<(u64, T)>, id: &str, attempt: u32) -> Self {
        Taken { left: items.into_iter(), id: id.to_owned(), attempt }
    }

    /// The stable id of the message: the key under which an idempotent sink knows what it has.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The number of this delivery of the message: 1 for the first, 2 if it is delivered again, and so on.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many items are left.
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// Whether no item is left.
    pub fn is_empty(&self) -> bool {
        self.left.len() == 0
    }
}

impl<T: Send + 'static> Source for Taken<T> {
    type Item = Own<T>;
    type Batch = Items<T>;

    fn pull(&mut self, want: Want) -> Result<Option<Items<T>>, BoxError> {
        let (positions, items): (Vec<u64>, Vec<T>) = self.left.by_ref().take(want.items.max(1)).unzip();
        Ok((!items.is_empty()).then(|| Items::at(positions, items)))
    }
}

/// Without a pipeline.
impl<T> Iterator for Taken<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left.next().map(|(_, item)| item)
    }
}
