//! Ctrl-C: the first one ends the run where it is and reports what was measured until then, the second ends the process.

use crate::measure::BoxError;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell expects of a program that Ctrl-C has ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Whether Ctrl-C was pressed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C is told here. Contenders do not inherit that: in a terminal the signal ends the one that is running.
    ///
    /// # Errors
    /// The system takes no handler.
    pub(crate) fn listen() -> Result<Self, BoxError> {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        ctrlc::set_handler(move || {
            if handler.0.swap(true, Ordering::Relaxed) {
                process::exit(i32::from(INTERRUPTED));
            }
            eprintln!("Ctrl-C: reporting what was measured until now; once more, and nothing is written");
        })?;
        Ok(interrupt)
    }

    pub(crate) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// # Errors
    /// It came.
    pub(crate) fn check(&self) -> Result<(), BoxError> {
        if self.came() { Err("Ctrl-C".into()) } else { Ok(()) }
    }

    #[cfg(test)]
    pub(crate) fn press(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
