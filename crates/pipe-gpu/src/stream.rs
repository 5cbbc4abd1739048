//! A block cut into pieces, which go to the devices and back on several streams at once.

use crate::element::Element;
use crate::error::GpuError;
use crate::fleet::Fleet;
use crate::job::Job;
use std::collections::VecDeque;
use std::ops::Range;

/// Sends the block through the devices in pieces, with a piece in each slot: while one is computed, others are copied. How many units
/// have come back, and why not all; the others are as they were.
pub(crate) fn stream<T: Element>(
    fleet: &Fleet,
    slots: usize,
    piece: usize,
    job: &mut impl Job<T>,
) -> (usize, Option<GpuError>) {
    let units = job.units();
    let pieces = units.div_ceil(piece);
    let wanted = slots.max(1).saturating_mul(fleet.in_use().max(1));
    let mut lent = match fleet.lend(wanted.min(pieces)) {
        Ok(lent) => lent,
        Err(error) => return (0, Some(error)),
    };
    let slots = lent.len();
    // Those whose end was not waited for yet, the oldest first.
    let mut under_way: VecDeque<(usize, Range<usize>)> = VecDeque::with_capacity(slots);
    let mut done = 0;
    for at in 0..pieces + slots {
        if at >= slots
            && let Some((slot, range)) = under_way.pop_front()
        {
            let end = range.end;
            if let Err(error) = lent.with(slot, |slot| slot.end().map(|came| job.take(range, came))) {
                return (done, Some(error));
            }
            done = end;
        }
        if at < pieces {
            let range = at * piece..units.min((at + 1) * piece);
            if let Err(error) = lent.with(at % slots, |slot| job.begin(slot, range.clone())) {
                return (done, Some(error));
            }
            under_way.push_back((at % slots, range));
        }
    }
    (done, None)
}
