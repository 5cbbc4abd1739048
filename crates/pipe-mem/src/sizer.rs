//! How large the next batch is to be.

use crate::pressure::PressureLevel;
use pipe_core::{Pace, Want};
use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

/// Sizes batches so that one takes between a half and one millisecond, and fits into half of the L2 cache with what is made of it in the
/// other half. Its numbers of items are powers of two; memory pressure halves them, and their bytes, for each level.
#[derive(Debug)]
pub(crate) struct BatchSizer {
    pace: Pace,
    bytes: usize,
}

/// The upper end. Nothing is handed to another thread here, so that a batch may be longer than [`Pace::BATCH`].
const SPAN: Duration = Duration::from_millis(1);

/// Pressure makes batches no shorter than this: below it each saves a few items and costs a round through the line.
const PRESSED: usize = 16;

impl BatchSizer {
    /// Starts with one item, for it may take a second. A batch has at most `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        BatchSizer { pace: Pace::new(SPAN, Want::MOST.items), bytes: bytes.min(half_of_l2()).max(1) }
    }

    /// What to ask the source for.
    pub(crate) fn want(&self, level: PressureLevel) -> Want {
        // Down to a power of two: the pace aims at the upper end, so this is at least half of it.
        let items = 1 << self.pace.items().ilog2();
        Want { items: level.halved(items).max(PRESSED.min(items)), bytes: level.halved(self.bytes).max(1) }
    }

    /// Learns that `items` took `elapsed`.
    pub(crate) fn learn(&mut self, items: usize, elapsed: Duration) {
        self.pace.learn(items, elapsed);
    }
}

/// Half of the L2 cache of the first core, as Linux tells; 512 KiB where it does not. Read once.
fn half_of_l2() -> usize {
    static HALF: OnceLock<usize> = OnceLock::new();
    *HALF.get_or_init(|| {
        let read = |index: usize, file: &str| {
            fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{file}")).ok()
        };
        let second = (0..8).find(|index| read(*index, "level").is_some_and(|level| level.trim() == "2"));
        second.and_then(|index| kibibytes(&read(index, "size")?)).map_or(512 << 10, |bytes| bytes / 2)
    })
}

/// Such as `2048K`.
fn kibibytes(text: &str) -> Option<usize> {
    text.trim().strip_suffix('K')?.parse::<usize>().ok()?.checked_mul(1024).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it settles at when each item takes this long.
    fn settled(ns_per_item: u64) -> BatchSizer {
        let mut sizer = BatchSizer::new(256 << 10);
        for _ in 0..40 {
            let items = sizer.want(PressureLevel::Normal).items;
            sizer.learn(items, Duration::from_nanos(ns_per_item * items as u64));
        }
        sizer
    }

    #[test]
    fn a_batch_takes_between_a_half_and_one_millisecond_unless_its_items_are_too_many_or_too_slow() {
        for ns_per_item in [123, 500, 1_000, 7_777, 60_000, 400_000, 1_000_000] {
            let items = settled(ns_per_item).want(PressureLevel::Normal).items;
            let span = items as u64 * ns_per_item;
            assert!(
                items.is_power_of_two() && (500_000..=1_000_000).contains(&span),
                "{items} of {ns_per_item} ns"
            );
        }
        assert_eq!(settled(1).want(PressureLevel::Normal).items, Want::MOST.items);
        assert_eq!(settled(1_000_000_000).want(PressureLevel::Normal).items, 1);
    }

    #[test]
    fn it_begins_with_one_item() {
        assert_eq!(BatchSizer::new(1 << 10).want(PressureLevel::Normal), Want { items: 1, bytes: 1 << 10 });
    }

    #[test]
    fn each_level_halves_a_batch_but_sixteen_items_stay_sixteen_and_fewer_stay_as_few() {
        let of = |ns_per_item| PressureLevel::ALL.map(|level| settled(ns_per_item).want(level).items);
        assert_eq!(of(1), [8192, 4096, 2048, 1024]);
        assert_eq!(of(15_000), [64, 32, 16, 16]);
        assert_eq!(of(100_000), [8; 4]);
        let full = settled(1).bytes;
        let bytes = PressureLevel::ALL.map(|level| settled(1).want(level).bytes);
        assert_eq!(bytes, [full, full / 2, full / 4, full / 8]);
        assert_eq!(BatchSizer::new(0).want(PressureLevel::Critical).bytes, 1);
    }

    #[test]
    fn the_cache_is_of_a_sane_size() {
        assert!((16 << 10..=1 << 30).contains(&half_of_l2()), "{}", half_of_l2());
        assert_eq!([kibibytes("2048K\n"), kibibytes("0K"), kibibytes("x")], [Some(2 << 20), None, None]);
    }
}
