//! The executor and the runner: who computes kernels tile by tile.

use crate::level::Level;
use crate::simd::Simd;
use crate::worker::TileWorker;
use pipe_core::kernel::{KernelWorkers, Runner};
use pipe_core::plan::Plan;
use pipe_core::{Budget, Event, Executor, Inline, MemorySettings, Profile, RunError};
use std::convert::Infallible;
use std::sync::Arc;

/// Computes kernels tile by tile, with SIMD: as an executor on the calling thread, as a runner inside of any other.
///
/// Segments without kernels run as on [`Inline`]. It starts no threads: `Parallel::new().kernels(Tiled::new())` computes tiles on all
/// workers. The report tells which level it took.
///
/// ```
/// use pipe_cache::Tiled;
/// use pipe_core::from_source;
/// use pipe_core::kernel::{Blocks, MeanVar, Program};
///
/// let numbers: Vec<f32> = (0..100_000).map(|n| n as f32).collect();
/// let logs = from_source(Blocks::new(numbers, 4096)).kernel(Program::new().add(1.0).log());
/// let report = logs.reduce(MeanVar).run_on(&Tiled::new())?;
/// assert!((report.value.expect("25 blocks").mean() - 10.5129).abs() < 1e-3);
/// println!("{report}"); // with a line such as: kernels are tiled: AVX2 (x86-64-v3), tiles of 16 KiB
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tiled {
    /// `None`: the best.
    level: Option<Level>,
    tile: usize,
    memory: MemorySettings,
}

impl Tiled {
    /// With the widest instructions that this processor has, in tiles of 16 KiB.
    pub fn new() -> Self {
        Tiled { level: None, tile: Simd::TILE_BYTES, memory: MemorySettings::default() }
    }

    /// With these instructions. A level that this processor does not have is a config error when the pipeline is run.
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// How many bytes of a block go through a whole program before the next ones do. More than half of the first level of the cache is
    /// slower, and so is less than 1 KiB. Zero is a config error when the pipeline is run.
    pub fn tile(mut self, bytes: usize) -> Self {
        self.tile = bytes;
        self
    }

    /// How many bytes a run of this executor may have in flight, see [`MemorySettings`]. As on [`Inline`] only accumulators are weighed, and
    /// batches become smaller with the limit. A runner inside of another executor has that one's limit.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory.set_limit(bytes);
        self
    }

    /// Takes from this budget, together with all other runs that do; see [`MemorySettings`].
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.memory.set_budget(budget);
        self
    }

    fn simd(&self) -> Result<Simd, RunError> {
        let refused = |field, value, why| Err(RunError::Config { field, value, why });
        if self.tile == 0 {
            return refused("tile", "0".to_owned(), "a tile has at least one number");
        }
        match self.level.map(|level| (level, Simd::at(level))) {
            None => Ok(Simd::best()),
            Some((_, Some(simd))) => Ok(simd),
            Some((level, None)) => refused("level", format!("{level:?}"), "this processor does not have it"),
        }
    }
}

impl Default for Tiled {
    fn default() -> Self {
        Self::new()
    }
}

impl Runner for Tiled {
    fn name(&self) -> &'static str {
        "tiled"
    }

    fn worker(&self) -> Box<dyn KernelWorkers> {
        // A level that does not exist was refused before the run.
        Box::new(TileWorker { simd: self.simd().unwrap_or_default(), tile: self.tile })
    }

    fn prepare(&self) -> Result<Vec<Event>, RunError> {
        let simd = self.simd()?;
        let kernels = Event::Kernels {
            runner: Runner::name(self),
            with: format!("{}, tiles of {} KiB", simd.level(), self.tile as f64 / 1024.0),
        };
        let narrow = Event::Fallback {
            wanted: "kernels with SIMD".to_owned(),
            got: "plain loops".to_owned(),
            why: "this processor has neither AVX2 nor AVX-512 nor NEON".to_owned(),
        };
        let fell_back = self.level.is_none() && simd.level() == Level::Scalar;
        Ok([Some(kernels), fell_back.then_some(narrow)].into_iter().flatten().collect())
    }
}

impl<'p> Executor<'p> for Tiled {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        self.simd()?;
        self.memory.profile("Tiled", 1)
    }

    fn runner(&self) -> Arc<dyn Runner> {
        Arc::new(self.clone())
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        Inline.execute(plan)
    }
}
