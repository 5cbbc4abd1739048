//! Where items end.

use crate::opaque::opaque;
use crate::position::Position;
use crate::stage::BoxError;

/// The end of a pipeline: one serial consumer, the last node of the plan.
///
/// It is written to by one thread at a time, in order unless the pipeline is unordered. A sink that is dropped without `commit` is
/// abandoned: its run failed or was cancelled, and it undoes what it can.
pub trait Sink<T>: Send {
    /// What a successful run leaves behind.
    type Done: Send;

    /// Whether it wants to know where its items come from. Then it gets them through `write_at`; telling costs 8 bytes and some
    /// nanoseconds per item.
    const POSITIONS: bool = false;

    /// Takes one item.
    ///
    /// # Errors
    /// Ends the run with [`RunError::Sink`](crate::RunError::Sink).
    fn write(&mut self, item: T) -> Result<(), BoxError>;

    /// Takes one item that comes from `position` of the source. Called instead of `write` by sinks with [`Sink::POSITIONS`].
    ///
    /// # Errors
    /// As for `write`.
    fn write_at(&mut self, position: Position, item: T) -> Result<(), BoxError> {
        let _ = position;
        self.write(item)
    }

    /// Called once, after the last item of a run that went well. `Ok` means that everything written is where it should be: flush here,
    /// never in `Drop`.
    ///
    /// # Errors
    /// As for `write`: a run whose sink could not finish has failed.
    fn commit(self) -> Result<Self::Done, BoxError>;
}

/// Collects.
impl<T: Send> Sink<T> for Vec<T> {
    type Done = Self;

    #[inline]
    fn write(&mut self, item: T) -> Result<(), BoxError> {
        self.push(item);
        Ok(())
    }

    fn commit(self) -> Result<Self, BoxError> {
        Ok(self)
    }
}

/// Calls a closure with each item; made by [`Pipeline::for_each`](crate::Pipeline::for_each).
pub struct ForEach<F>(pub(crate) F);

opaque!([F] ForEach[F]);

impl<T, F: FnMut(T) + Send> Sink<T> for ForEach<F> {
    type Done = ();

    #[inline]
    fn write(&mut self, item: T) -> Result<(), BoxError> {
        (self.0)(item);
        Ok(())
    }

    fn commit(self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Merges the accumulators of a fold into the first one; made by [`Pipeline::fold`](crate::Pipeline::fold).
pub struct Merge<A, M> {
    pub(crate) into: Option<A>,
    pub(crate) merge: M,
}

opaque!([A, M] Merge[A, M]);

impl<A: Send, M: FnMut(&mut A, A) + Send> Sink<A> for Merge<A, M> {
    type Done = A;

    fn write(&mut self, item: A) -> Result<(), BoxError> {
        match &mut self.into {
            Some(into) => (self.merge)(into, item),
            none => *none = Some(item),
        }
        Ok(())
    }

    fn commit(self) -> Result<A, BoxError> {
        self.into.ok_or_else(|| "the executor finished no worker: a fold has no accumulator".into())
    }
}
