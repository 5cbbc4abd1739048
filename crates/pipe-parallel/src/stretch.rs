//! A plan as a list of stretches: parallel segments in a row, and the serial nodes behind them.
//!
//! ```text
//! source | parse > filter | enumerate | map | batch | sink
//!          row              gate        row   gate        two stretches
//! ```

use pipe_core::Order;
use pipe_core::plan::{Node, RunState, Segment, Work, Worker};
use std::ops::Range;
use std::sync::Arc;

/// A row of parallel segments, which any worker may run, and the gate behind it, which one worker at a time may.
pub(crate) struct Stretch<'p> {
    /// Empty only in the first stretch, where a serial node follows the source.
    pub(crate) row: Vec<Arc<dyn Segment<'p> + 'p>>,
    /// In which order batches pass the gate.
    pub(crate) order: Order,
    /// Never empty. The last one ends in the sink.
    pub(crate) gate: Vec<Box<dyn Worker + Send + 'p>>,
    /// The segments of the gate.
    pub(crate) serial: Range<usize>,
}

/// Cuts a plan into its stretches.
pub(crate) fn stretches<'p>(nodes: Vec<Node<'p>>, run: &RunState) -> Vec<Stretch<'p>> {
    let new = || Stretch { row: Vec::new(), order: Order::Preserve, gate: Vec::new(), serial: 0..0 };
    let mut stretches = vec![new()];
    for node in nodes {
        let last = stretches.last_mut().expect("there is one from the start");
        match node.work {
            Work::Serial(worker) => {
                let first = if last.gate.is_empty() { node.segment } else { last.serial.start };
                last.serial = first..node.segment + 1;
                last.gate.push(worker);
            }
            Work::Parallel(segment) => {
                let stretch = if last.gate.is_empty() {
                    last
                } else {
                    stretches.push(new());
                    stretches.last_mut().expect("it was just pushed")
                };
                // `Any` only in the last stretch, and only in front of the sink alone: a serial stage behind it is refused.
                stretch.order = run.order(node.segment);
                stretch.row.push(segment);
            }
            Work::Async(never) => match never {},
        }
    }
    stretches
}
