//! Whether a block is worth the way to the device.
//!
//! The bus is slow beside both ends: a block goes there and back, and meanwhile the CPU may have been done. So what the CPU takes is
//! measured on the first blocks of the very program, what the bus takes is measured when the device is opened, and the smaller one wins.

/// How it is decided whether a block goes to the device.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Gate {
    /// The rates of this machine: the bus is measured once for a device, the CPU on the first blocks of each kernel in each stage.
    #[default]
    Measured,
    /// These rates of the bus; the CPU is still measured.
    With(Rates),
    /// Every block goes to the device, also where that is slower.
    Open,
}

/// How fast a block gets to the device and back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Bytes of a block per second, there and back.
    pub bytes_per_second: f64,
    /// What a block takes besides, in seconds: two copies are begun, a kernel, and their end is waited for.
    pub seconds_per_block: f64,
}

/// Where a block is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// By the runner for the CPU.
    Cpu,
    /// On the device.
    Device,
}

impl Rates {
    /// How long a block of `bytes` is under way, in seconds. What the device computes in between is not counted: it is hidden behind the
    /// copies unless the program has thousands of operations.
    pub fn seconds(&self, bytes: usize) -> f64 {
        self.seconds_per_block + bytes as f64 / self.bytes_per_second
    }

    /// Where a block of `bytes` is done earlier, if the CPU takes `cpu_seconds` for it. The CPU, if that cannot be told.
    ///
    /// ```
    /// use pipe_gpu::{Place, Rates};
    ///
    /// let bus = Rates { bytes_per_second: 10e9, seconds_per_block: 20e-6 };
    /// assert_eq!(bus.place(1 << 20, 0.1e-3), Place::Cpu); // 0.125 ms under way
    /// assert_eq!(bus.place(1 << 20, 10e-3), Place::Device);
    /// ```
    pub fn place(&self, bytes: usize, cpu_seconds: f64) -> Place {
        if self.seconds(bytes) < cpu_seconds { Place::Device } else { Place::Cpu }
    }
}

/// Blocks that the CPU computes to learn how long it takes. The faster one counts: the first finds everything cold.
#[cfg(feature = "cuda")]
const TRIALS: u32 = 2;

/// How long the CPU takes for a kernel.
#[cfg(feature = "cuda")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    /// Blocks that it has computed so far, at most `TRIALS`.
    trials: u32,
    /// Its best seconds for a byte on the bus.
    best: Option<f64>,
}

#[cfg(feature = "cuda")]
impl Clock {
    /// The seconds for a byte on the bus; `None` until enough blocks were computed.
    pub(crate) fn seconds(&self) -> Option<f64> {
        self.best.filter(|_| self.trials >= TRIALS)
    }

    /// Another block took this many.
    pub(crate) fn took(&mut self, seconds: f64) {
        self.best = Some(self.best.map_or(seconds, |best| best.min(seconds)));
        self.trials += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "cuda")]
    #[test]
    fn the_faster_of_two_blocks_counts_and_one_is_not_enough() {
        let mut clock = Clock::default();
        let seen = [3.0, 2.0, 5.0].map(|seconds| {
            clock.took(seconds);
            clock.seconds()
        });
        assert_eq!(seen, [None, Some(2.0), Some(2.0)]);
    }

    const BUS: Rates = Rates { bytes_per_second: 1e9, seconds_per_block: 1e-5 };

    #[test]
    fn the_earlier_end_wins_and_the_cpu_where_they_are_equal() {
        assert_eq!(BUS.place(1_000_000, 1.009e-3), Place::Cpu);
        assert_eq!(BUS.place(1_000_000, BUS.seconds(1_000_000)), Place::Cpu);
        assert_eq!(BUS.place(1_000_000, 1.011e-3), Place::Device);
    }

    #[test]
    fn a_small_block_stays_however_fast_the_bus_is() {
        let fast = Rates { bytes_per_second: f64::INFINITY, ..BUS };
        assert_eq!(fast.place(8, 1e-6), Place::Cpu);
    }

    #[test]
    fn what_makes_no_sense_stays_on_the_cpu() {
        for bytes_per_second in [0.0, f64::NAN] {
            assert_eq!(Rates { bytes_per_second, ..BUS }.place(0, 1.0), Place::Cpu);
            assert_eq!(Rates { bytes_per_second, ..BUS }.place(1, 1.0), Place::Cpu);
        }
        assert_eq!(BUS.place(1, f64::NAN), Place::Cpu);
    }
}
