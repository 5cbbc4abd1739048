//! Items that differ from the one before.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// Drops items whose key equals that of the item before; made by [`Pipeline::dedup_by_key`](crate::Pipeline::dedup_by_key).
pub struct Dedup<F, K> {
    key: F,
    keys: std::marker::PhantomData<fn() -> K>,
}

opaque!([F, K] Dedup[F, K]);

impl<F, K> Dedup<F, K> {
    pub(crate) fn new(key: F) -> Self {
        Dedup { key, keys: std::marker::PhantomData }
    }
}

impl<F: Send + Sync, K> Stage for Dedup<F, K> {
    /// The key of the item before.
    type State = Option<K>;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> Option<K> {
        None
    }
}

impl<T, K: PartialEq, F: Fn(&T) -> K + Send + Sync> Step<T> for Dedup<F, K> {
    type Out = T;

    #[inline(always)]
    fn push<O: Emit<T>>(&self, before: &mut Option<K>, item: T, out: &mut O) -> Flow {
        let key = (self.key)(&item);
        if before.as_ref() == Some(&key) {
            return Flow::Continue(());
        }
        *before = Some(key);
        out.emit(item)
    }
}
