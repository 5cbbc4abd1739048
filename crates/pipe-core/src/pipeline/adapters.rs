//! Steps of one item: they fuse into the open segment.

use crate::adapters::{Counted, Filter, FilterMap, FlatMap, Inspect, Map, MapWith, TryMap};
use crate::item::{Item, Own, Parser};
use crate::pipeline::Pipeline;
use crate::settings::Emits;
use crate::stage::{BoxError, Sharing, Step, Then};

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Turns each item into something owned. One item in, one item out; see [`parse`](Self::parse) for results that borrow.
    pub fn map<T, F>(self, f: F) -> Pipeline<U, Then<C, Map<F>>, Own<T>>
    where
        F: for<'a> Fn(I::Of<'a>) -> T + Send + Sync,
    {
        self.then("map", Emits::One, Map(f))
    }

    /// Keeps the items for which `f` returns true. It keeps borrowed rows as they are. [`counted`](Self::counted) after it says how many passed.
    pub fn filter<F>(self, f: F) -> Pipeline<U, Then<C, Filter<F>>, I>
    where
        F: for<'a, 'b> Fn(&'b I::Of<'a>) -> bool + Send + Sync,
    {
        self.then("filter", Emits::AtMostOne, Filter(f))
    }

    /// Maps and filters in one step: keeps what is inside each `Some`, and drops each `None`.
    pub fn filter_map<T, F>(self, f: F) -> Pipeline<U, Then<C, FilterMap<F>>, Own<T>>
    where
        F: for<'a> Fn(I::Of<'a>) -> Option<T> + Send + Sync,
    {
        self.then("filter_map", Emits::AtMostOne, FilterMap(f))
    }

    /// Maps to something owned, or fails the item with the error that `f` returns. [`Pipeline::on_error`] says what happens to a failed item;
    /// unless it is set, the first one ends the run.
    pub fn try_map<T, E: Into<BoxError>, F>(self, f: F) -> Pipeline<U, Then<C, TryMap<F>>, Own<T>>
    where
        F: for<'a> Fn(I::Of<'a>) -> Result<T, E> + Send + Sync,
    {
        self.then("try_map", Emits::One, TryMap(f))
    }

    /// Turns each item into a row that borrows from it, or fails the item. `f` is a named function, `rows!` names the row. For sources that
    /// lend their items; behind [`from_iter`](crate::from_iter), whose items are moved, the same function goes into
    /// [`try_map`](Self::try_map).
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter, rows};
    /// use std::num::ParseIntError;
    ///
    /// struct Reading<'a> { name: &'a str, value: i64 }
    /// rows!(Reading);
    ///
    /// fn reading(line: &str) -> Result<Reading<'_>, ParseIntError> {
    ///     let (name, value) = line.split_once(';').unwrap_or((line, ""));
    ///     Ok(Reading { name, value: value.parse()? })
    /// }
    ///
    /// # struct Texts(Vec<&'static str>);
    /// # impl pipe_core::Source for Texts {
    /// #     type Item = &'static str;
    /// #     type Batch = TextBatch;
    /// #     fn pull(&mut self, _: pipe_core::Want) -> Result<Option<TextBatch>, pipe_core::BoxError> {
    /// #         Ok(self.0.pop().map(|text| TextBatch(Some(text))))
    /// #     }
    /// # }
    /// # struct TextBatch(Option<&'static str>);
    /// # impl pipe_core::Batch for TextBatch {
    /// #     type Item<'a> = &'a str;
    /// #     fn bytes(&self) -> usize { 0 }
    /// #     fn drive(&mut self, _: usize, mut each: impl for<'a> FnMut(u64, &'a str) -> pipe_core::Flow) -> usize {
    /// #         self.0.take().map_or(0, |text| { let _ = each(0, text); 1 })
    /// #     }
    /// #     fn position(&self) -> u64 { 0 }
    /// # }
    /// # let texts = pipe_core::from_source(Texts(vec!["b;2", "a;40"]));
    /// let sum = texts // a source of `&str`
    ///     .parse(reading)
    ///     .filter(|reading| reading.name == "a")
    ///     .map(|reading| reading.value)
    ///     .fold(|| 0, |sum, value| *sum += value, |all, part| *all += part)
    ///     .run_on(&Inline)?;
    /// assert_eq!(sum.value, 40);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn parse<O: Item, E: Into<BoxError>, F>(self, f: F) -> Pipeline<U, Then<C, TryMap<F>>, O>
    where
        F: Fn(I::Of<'static>) -> Result<O, E> + for<'a> Parser<'a, I, O, E> + Send + Sync,
    {
        self.then("parse", Emits::One, TryMap(f))
    }

    /// Turns each item into any number of owned ones. What `f` returns is iterated lazily: an item may explode into more than memory
    /// holds.
    pub fn flat_map<T: IntoIterator, F>(self, f: F) -> Pipeline<U, Then<C, FlatMap<F>>, Own<T::Item>>
    where
        F: for<'a> Fn(I::Of<'a>) -> T + Send + Sync,
    {
        self.then("flat_map", Emits::Many, FlatMap(f))
    }

    /// Maps with a state that each worker makes for itself, once, on its own thread: a decoder, an arena, a random generator. It may be
    /// `!Send`. The result must not depend on which worker got which item.
    pub fn map_with<S, T, N, F>(self, new: N, f: F) -> Pipeline<U, Then<C, MapWith<N, F>>, Own<T>>
    where
        N: Fn() -> S + Send + Sync,
        F: for<'a, 'b> Fn(&'b mut S, I::Of<'a>) -> T + Send + Sync,
    {
        self.then("map_with", Emits::One, MapWith { new, map: f })
    }

    /// Calls `f` with a reference to each item, and passes the item on: for logging or counting.
    pub fn inspect<F>(self, f: F) -> Pipeline<U, Then<C, Inspect<F>>, I>
    where
        F: for<'a, 'b> Fn(&'b I::Of<'a>) + Send + Sync,
    {
        self.then("inspect", Emits::One, Inspect(f))
    }

    /// Counts the items that pass here, for the report: how many the filter before it let through. Off by default, since it adds an addition
    /// per item to the loop.
    pub fn counted(self) -> Pipeline<U, Then<C, Counted>, I> {
        self.then("counted", Emits::One, Counted)
    }

    /// A stage of your own that emits owned items, run by all workers. One that depends on the items before it is not for this: it
    /// declares [`Sharing::Serial`](crate::Sharing::Serial), does not compile here, and is added with [`Pipeline::serial`].
    pub fn stage<T, B>(self, stage: B) -> Pipeline<U, Then<C, B>, Own<T>>
    where
        B: for<'a> Step<I::Of<'a>, Out = T>,
    {
        const {
            assert!(
                (B::SHARING as u8) < (Sharing::Serial as u8),
                "a serial stage is added with `.serial(..)`"
            )
        };
        self.then("stage", Emits::Many, stage)
    }
}
