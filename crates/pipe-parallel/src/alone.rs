//! A plan that is one loop, on the calling thread, until other threads would pay.

use crate::break_even::TRIAL;
use pipe_core::plan::{Loop, Nodes, Ran, RunState, left};
use pipe_core::{Event, Pace, RunError};
use std::time::{Duration, Instant};

/// How a loop ended.
pub(crate) enum Alone<'p> {
    /// The run is over.
    Ended,
    /// Go on with several workers.
    Opened {
        nodes: Nodes<'p>,
        /// The longest of the slices so far. Each was aimed at [`Pace::BATCH`].
        longest: Duration,
    },
}

/// A loop that costs less than this for one item, source and sink included, is left alone. Moving an item through batches costs 1 to 2 ns on
/// each side, so at 4 ns two threads would at best win a fifth, for twice the CPU; and a loop of 2 ns was measured at 3 to 4.8 while
/// something else ran on the sibling of its core.
const LOOP_NS: f64 = 6.0;

/// How many slices in a row have to say that threads would pay. One alone may have been interrupted by the system, for up to 100 ns an item,
/// and the next one then begins with cold caches.
const EVIDENCE: u32 = 3;

/// A shorter slice says nothing.
const WITNESS: Duration = Duration::from_micros(25);

/// From here on one slice is enough: no interruption looks like this, and three heavy items one after the other would be a long wait.
const CLEAR_NS: f64 = 1_000.0;

/// From this many items on slices may become eight times as long as the one before, and not only twice: each costs some 300 ns, which is much for a
/// run of 100 us inside of another one. Of fewer the first may be a header, say, and the others far heavier.
const FEW: usize = 8;

/// Runs the loop for as long as it is cheap: a sum over numbers is over before threads are awake, and items that become heavy later are
/// noticed within a trial.
pub(crate) fn alone<'p>(
    mut whole: Box<dyn Loop<'p> + 'p>,
    workers: usize,
    run: &RunState,
) -> Result<Alone<'p>, RunError> {
    match slices(&mut *whole, workers, run) {
        Ok(Some(longest)) => Ok(Alone::Opened { nodes: whole.open(), longest }),
        // Behind the result: what it throws is the error of a run that has none.
        ended => ended.and(left(whole)).map(|()| Alone::Ended),
    }
}

/// Slice by slice, to the end (`None`), or until threads would pay: the longest of the slices.
fn slices<'p>(
    whole: &mut (dyn Loop<'p> + 'p),
    workers: usize,
    run: &RunState,
) -> Result<Option<Duration>, RunError> {
    let mut pace = Pace::new(Pace::BATCH, usize::MAX);
    let (mut spent, mut items, mut ns_per_item) = (Duration::ZERO, 0, None);
    let (mut evidence, mut longest) = (0, Duration::ZERO);
    loop {
        run.check()?;
        // Slices by the machine's time: that of the run may stand still. What is decided, by that of the run.
        let (started, since) = (Instant::now(), run.clock().now());
        let ran = whole.run(pace.items())?;
        let elapsed = run.clock().now().saturating_sub(since);
        let (Ran::More(n) | Ran::Done(n) | Ran::Enough(n)) = ran;
        let (took, doublings) = (started.elapsed(), if n < FEW { 1 } else { 3 });
        (0..doublings).for_each(|_| pace.learn(n, took));
        (spent, items, longest) = (spent + elapsed, items + n, longest.max(elapsed));
        if !matches!(ran, Ran::More(_)) {
            if workers > 1 {
                stayed(run, ns_per_item, spent.as_nanos() as f64 / items.max(1) as f64);
            }
            run.check()?;
            whole.finish()?;
            return Ok(None);
        }
        if workers > 1 && elapsed >= WITNESS {
            evidence = match elapsed.as_nanos() as f64 / n as f64 {
                ns if ns >= CLEAR_NS => EVIDENCE,
                ns if ns >= LOOP_NS => evidence + 1,
                _ => 0,
            };
        }
        if workers > 1 && spent >= TRIAL {
            if evidence >= EVIDENCE {
                return Ok(Some(longest));
            }
            ns_per_item = Some(spent.as_nanos() as f64 / items as f64);
        }
    }
}

fn stayed(run: &RunState, measured: Option<f64>, last: f64) {
    let (ns_per_item, why) = match measured {
        Some(ns) => (ns, "too little to pay for moving items to other threads"),
        None => (last, "and the input ended before threads could have paid"),
    };
    run.note(Event::StayedInline { ns_per_item, why });
}
