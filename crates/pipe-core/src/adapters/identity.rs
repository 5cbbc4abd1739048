//! The chain without a step.

use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// The empty chain, with which every segment begins.
#[derive(Debug)]
pub struct Identity;

impl Stage for Identity {
    type State = ();

    const SHARING: Sharing = Sharing::Stateless;
    const EMPTY: bool = true;

    fn state(&self) {}
}

impl<T> Step<T> for Identity {
    type Out = T;

    #[inline(always)]
    fn push<O: Emit<T>>(&self, (): &mut (), item: T, out: &mut O) -> Flow {
        out.emit(item)
    }
}
