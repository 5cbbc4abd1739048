//! What a waiting person sees: a bar in a terminal, plain lines elsewhere.

use crate::contender::Contender;
use crate::workload::Workload;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

pub(crate) struct Progress(Show);

enum Show {
    Bar(ProgressBar),
    Lines,
    #[cfg(test)]
    Nothing,
}

impl Progress {
    /// For `starts` starts of contenders.
    pub(crate) fn new(starts: usize) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(Show::Lines);
        }
        let bar = ProgressBar::new(starts as u64);
        let style = ProgressStyle::with_template("{elapsed_precise} [{bar:30}] {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(Show::Bar(bar))
    }

    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self(Show::Nothing)
    }

    /// A line that stays.
    pub(crate) fn say(&self, line: &str) {
        match &self.0 {
            Show::Bar(bar) => bar.suspend(|| eprintln!("{line}")),
            Show::Lines => eprintln!("{line}"),
            #[cfg(test)]
            Show::Nothing => {}
        }
    }

    /// An input is made, which may take a while; it is kept for later runs.
    pub(crate) fn preparing(&self, workload: &Workload, rows: u64) {
        let what = format!("{}: input of {rows} rows", workload.title());
        match &self.0 {
            Show::Bar(bar) => bar.set_message(what),
            Show::Lines => eprintln!("{what}"),
            #[cfg(test)]
            Show::Nothing => {}
        }
    }

    pub(crate) fn starting(&self, workload: &Workload, contender: &Contender, round: usize) {
        if let Show::Bar(bar) = &self.0 {
            bar.set_message(format!("{} round {round}: {}", workload.title(), contender.name));
        }
    }

    pub(crate) fn counting(&self, workload: &Workload, contender: &Contender) {
        if let Show::Bar(bar) = &self.0 {
            bar.set_message(format!("{} allocations: {}", workload.title(), contender.name));
        }
    }

    pub(crate) fn finished_one(&self) {
        if let Show::Bar(bar) = &self.0 {
            bar.inc(1);
        }
    }

    /// A workload that took fewer rounds than planned, or failed, leaves no gap behind.
    pub(crate) fn finished_workload(&self, starts_until_here: usize) {
        if let Show::Bar(bar) = &self.0 {
            bar.set_position(starts_until_here as u64);
        }
    }

    pub(crate) fn finish(&self) {
        if let Show::Bar(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
