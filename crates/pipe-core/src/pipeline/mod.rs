//! What the user writes: a chain of adapters, then an end, then `run_on`.
//!
//! No bound speaks of the chain `C` before the pipeline runs: so errors stay short and checking is linear in the number of stages.

mod adapters;
mod asynchronous;
mod edges;
mod ends;
mod policies;
mod serial;
mod whole;

use crate::adapters::Identity;
use crate::context::SINK;
use crate::error::RunError;
use crate::item::{Item, Own, Owned, Same};
use crate::lower::{Cut, Start, StartIter};
use crate::opaque::opaque;
use crate::settings::{Emits, SegmentKind, Settings, StageInfo};
use crate::source::{FromIter, Source};
use crate::stage::Then;
pub use asynchronous::Async;
pub use policies::Retries;
pub use serial::Serial;
use std::marker::PhantomData;
pub use whole::Whole;

/// A pipeline under construction: what is upstream (`U`: the source and finished segments), the segment being fused (`C`), and what
/// comes out of it (`I`).
#[must_use = "a pipeline does nothing until it is run"]
pub struct Pipeline<U, C, I> {
    pub(crate) up: U,
    pub(crate) chain: C,
    pub(crate) settings: Settings,
    item: PhantomData<fn() -> I>,
}

opaque!([U, C, I] Pipeline[U, C, I]);

impl<S: Source> Pipeline<Start<S>, Identity, S::Item> {
    pub(crate) fn start(source: S) -> Self {
        let mut settings = Settings::new();
        match source.check() {
            Ok(()) => {}
            Err(RunError::Config { field, value, why }) => settings.refuse(field, value, why),
            Err(other) => settings.refuse("source", other, "it cannot begin"),
        }
        Pipeline { up: Start(source), chain: Identity, settings, item: PhantomData }
    }
}

impl<I: Iterator> Pipeline<StartIter<I>, Identity, Own<I::Item>> {
    pub(crate) fn start_iter(source: FromIter<I>) -> Self {
        Pipeline { up: StartIter(source), chain: Identity, settings: Settings::new(), item: PhantomData }
    }
}

impl<U, C, I: Item> Pipeline<U, C, I> {
    pub(crate) fn then<B, J>(mut self, name: &str, emits: Emits, second: B) -> Pipeline<U, Then<C, B>, J> {
        let id = self.settings.add_stage(name, emits);
        let chain = Then::new(self.chain, second, id);
        Pipeline { up: self.up, chain, settings: self.settings, item: PhantomData }
    }

    /// The same behind another upstream, which gives the same items.
    #[cfg(feature = "testing")]
    pub(crate) fn over_upstream<V>(self, wrap: impl FnOnce(U) -> V) -> Pipeline<V, C, I> {
        Pipeline { up: wrap(self.up), chain: self.chain, settings: self.settings, item: PhantomData }
    }

    /// The same with its items under the other name of their type.
    fn renamed<J>(self) -> Pipeline<U, C, J>
    where
        I: Same<J>,
    {
        Pipeline { up: self.up, chain: self.chain, settings: self.settings, item: PhantomData }
    }
}

impl<U, C, I: Owned> Pipeline<U, C, I> {
    /// Closes the open segment, to be run by `K`, and opens one of kind `next`.
    fn cut<K>(mut self, next: SegmentKind) -> Pipeline<Cut<U, C, I::T, K>, Identity, Own<I::T>> {
        let id = self.settings.cut(next);
        Pipeline {
            up: Cut::new(self.up, self.chain, id),
            chain: Identity,
            settings: self.settings,
            item: PhantomData,
        }
    }
}

impl Settings {
    /// Adds a stage to the open segment. Returns its number.
    fn add_stage(&mut self, name: &str, emits: Emits) -> u16 {
        let index = self.stages.len();
        let id =
            u16::try_from(index).ok().filter(|id| *id < SINK).expect("a pipeline has at most 65,535 stages");
        let (name, segment) = (format!("{name}#{id}"), self.open());
        self.stages.push(StageInfo { name, policy: None, retry: None, emits, segment });
        id
    }
}
