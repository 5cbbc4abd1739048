//! Memory pressure as one run sees it: the level, and a line in the report for each change.

use crate::prefetch::panicked;
use crate::pressure::{Pressure, PressureLevel};
use pipe_core::plan::RunState;
use pipe_core::{Event, RunError};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) struct Watch<'r> {
    pressure: Option<&'r Pressure>,
    run: &'r RunState,
    last: PressureLevel,
    /// What had been freed when the level was noted last.
    freed: u64,
    /// How many changes may still be noted.
    notes: usize,
}

/// A run of days must not fill its report.
const NOTES: usize = 100;

impl<'r> Watch<'r> {
    /// Says in the report if there is nothing to watch.
    pub(crate) fn new(pressure: Option<&'r Pressure>, run: &'r RunState) -> Self {
        if pressure.is_some_and(|pressure| !pressure.sees()) {
            run.note(Event::Fallback {
                wanted: "batches sized by memory pressure".to_owned(),
                got: "batches of one size".to_owned(),
                why: "this system does not tell how short memory is".to_owned(),
            });
        }
        let freed = pressure.map_or(0, Pressure::freed);
        Watch { pressure, run, last: PressureLevel::Normal, freed, notes: NOTES }
    }

    /// Asked once per batch.
    ///
    /// # Errors
    /// What was freed panicked in its `Drop`, or a gauge did.
    pub(crate) fn level(&mut self) -> Result<PressureLevel, RunError> {
        let Some(pressure) = self.pressure else { return Ok(PressureLevel::Normal) };
        let level = catch_unwind(AssertUnwindSafe(|| pressure.level()))
            .map_err(|thrown| panicked("memory pressure", thrown))?;
        if level != self.last {
            self.note(pressure, level);
            self.last = level;
        }
        Ok(level)
    }

    #[cold]
    fn note(&mut self, pressure: &Pressure, level: PressureLevel) {
        let Some(left) = self.notes.checked_sub(1) else { return };
        self.notes = left;
        let why = match pressure.reading() {
            Some(reading) if level > PressureLevel::Normal => reading.to_string(),
            _ => "nothing was short for two seconds".to_owned(),
        };
        let freed = pressure.freed();
        let response = match level {
            PressureLevel::Normal => "batches are of full size again".to_owned(),
            _ => {
                let ahead = if level == PressureLevel::Critical { ", nothing is read ahead" } else { "" };
                let let_go = freed - self.freed;
                let part = 1 << level as u32;
                let budgets =
                    if pressure.limits_any() { format!(", budgets grant 1/{part}") } else { String::new() };
                format!("batches of 1/{part}{budgets}{ahead}, {let_go} idle objects let go")
            }
        };
        self.freed = freed;
        let last = if left == 0 { "; further changes are not noted" } else { "" };
        self.run.note(Event::MemoryPressure { level: level.name(), why, response: response + last });
    }
}
