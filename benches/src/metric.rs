//! The figure that a workload is about, and its unit.

use crate::statistics::PAIRS_MIN;

/// Which figure of a run a workload is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    ItemsPerSecond,
    PeakBytes,
    /// How far the peak of the resident memory is above what the program was told to keep within, in bytes.
    PeakOver {
        budget: u64,
    },
    /// Calls to read for each chunk that comes of them.
    ReadsPerChunk,
    /// How long something took that happened many times in one run, at its 99th percentile, in seconds.
    Percentile99,
    /// The same at the 99.9th.
    Percentile999,
    /// How long one call takes, which handles as many items as the workload's parameter says.
    NanosecondsPerCall,
    /// Of the items that were looked up, those that were not found.
    PercentMissed,
    /// How far the program was from what it was told to keep to.
    PercentOff,
    /// What all cores together spent on an item.
    CpuNanosecondsPerItem,
    /// Processor time over elapsed time, in percent of one core.
    CpuPercent,
    /// Counted by callgrind, at `size` and at twice `size`; the difference leaves out what starting costs.
    InstructionsPerItem,
    /// How often memory is asked for or given back. Counted by memcheck, in the same way.
    AllocatorCallsPerItem,
    /// The processor's work inside of malloc, free and their kin, with all that they call. Counted by callgrind.
    AllocatorInstructionsPerItem,
    Seconds,
}

impl Metric {
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::ItemsPerSecond => "items/s",
            Metric::PeakBytes => "bytes",
            Metric::PeakOver { .. } => "bytes over the budget",
            Metric::ReadsPerChunk => "reads/chunk",
            Metric::Percentile99 => "s at p99",
            Metric::Percentile999 => "s at p99.9",
            Metric::NanosecondsPerCall => "ns/call",
            Metric::PercentMissed => "% missed",
            Metric::PercentOff => "% off",
            Metric::CpuNanosecondsPerItem => "CPU ns/item",
            Metric::CpuPercent => "% of a core",
            Metric::InstructionsPerItem => "instructions/item",
            Metric::AllocatorCallsPerItem => "allocator calls/item",
            Metric::AllocatorInstructionsPerItem => "instructions in the allocator/item",
            Metric::Seconds => "s",
        }
    }

    pub(crate) fn higher_is_better(self) -> bool {
        self == Metric::ItemsPerSecond
    }

    /// How many paired rounds it takes to judge: a count of instructions hardly varies, a time does.
    pub(crate) fn pairs_min(self) -> usize {
        if self.is_counted() { 2 } else { PAIRS_MIN }
    }

    /// Whether it hardly varies, and needs valgrind.
    pub(crate) fn is_counted(self) -> bool {
        use Metric::{AllocatorCallsPerItem, AllocatorInstructionsPerItem, InstructionsPerItem};
        matches!(self, InstructionsPerItem | AllocatorCallsPerItem | AllocatorInstructionsPerItem)
    }
}
