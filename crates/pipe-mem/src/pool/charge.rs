//! What the objects of a pool count for in a budget.

use super::pooled::Seated;
use pipe_core::{Budget, Permit, RunError, Weigh};

/// Counts each object of a pool, from before it is made until after it is dropped, idle or out. As unspillable: no pool can put them on disk.
pub(super) struct Charge<T> {
    /// The pool's own, whatever the one above it is for.
    budget: Budget,
    /// What an object owns at least.
    each: usize,
    heap: fn(&T) -> usize,
}

impl<T: Send + 'static> Charge<T> {
    /// With room for one object, which the pool keeps while it has none.
    pub(super) fn new(budget: &Budget, each: usize) -> Result<(Self, Permit), RunError>
    where
        T: Weigh,
    {
        let own = budget.child("pool", budget.limit());
        let charge = Charge { budget: own, each, heap: T::heap };
        match charge.grant() {
            Some(first) => Ok((charge, first)),
            None => Err(budget.refusal("limited_pool", charge.bytes(each), budget.in_use())),
        }
    }

    /// Room for one more object, if the budget has it.
    pub(super) fn grant(&self) -> Option<Permit> {
        let mut permit = self.budget.resident();
        permit.try_grow(self.bytes(self.each)).then_some(permit)
    }

    /// Counts a new object as what it is.
    pub(super) fn count(&self, permit: &mut Permit, value: &T) {
        permit.resize(self.bytes((self.heap)(value)));
    }

    /// Counts an object that has come back as what it is now. False: it has grown, and there is no room for that.
    pub(super) fn recount(&self, permit: &mut Permit, value: &T) -> bool {
        let (before, now) = (permit.bytes(), self.bytes((self.heap)(value)));
        if now > before {
            return permit.try_grow(now - before);
        }
        if now < before {
            permit.resize(now);
        }
        true
    }

    /// Room for an object that is gone becomes room for a new one.
    pub(super) fn keep(&self, permit: &mut Permit) {
        permit.resize(self.bytes(self.each));
    }

    fn bytes(&self, heap: usize) -> usize {
        size_of::<Seated<T>>().saturating_add(heap.max(self.each))
    }
}
