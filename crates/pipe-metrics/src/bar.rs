//! A progress bar.

use indicatif::{ProgressBar, ProgressStyle};
use pipe_core::{Observed, Observer, Part};

/// A progress bar on standard error, for the length of a run: items, items per second, bytes. Where that is no terminal nothing is shown.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_metrics::Bar;
///
/// from_iter(0..1_000u32).map(|n| n).for_each(drop).observe(Bar::new()).run_on(&Inline)?;
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct Bar {
    bar: ProgressBar,
    counts: Counts,
}

/// What moves it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Items,
    Bytes,
}

impl Bar {
    /// A bar for a run of unknown length: it counts the items of the first segment.
    pub fn new() -> Self {
        Self::drawn(
            ProgressBar::new_spinner(),
            Counts::Items,
            "{spinner} {human_pos} items, {per_sec}, {elapsed}",
        )
    }

    /// A bar for a run of `items` items.
    pub fn of_items(items: u64) -> Self {
        let line = "{bar:40} {human_pos} of {human_len} items, {per_sec}, {eta} left";
        Self::drawn(ProgressBar::new(items), Counts::Items, line)
    }

    /// A bar for a run whose source gives `bytes` bytes: the length of the file.
    pub fn of_bytes(bytes: u64) -> Self {
        let line = "{bar:40} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
        Self::drawn(ProgressBar::new(bytes), Counts::Bytes, line)
    }

    fn drawn(bar: ProgressBar, counts: Counts, line: &str) -> Self {
        bar.set_style(ProgressStyle::with_template(line).expect("the lines above are templates"));
        Bar { bar, counts }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Bar {
    fn observe(&self, what: &Observed<'_>) {
        match what {
            Observed::Began { .. } => self.bar.reset(),
            Observed::Worked(slice) => match (self.counts, slice.part) {
                (Counts::Items, Part::Segment(0)) => self.bar.inc(slice.items),
                (Counts::Bytes, Part::Source) => self.bar.inc(slice.bytes),
                _ => {}
            },
            Observed::Ended { error: None, .. } => self.bar.finish(),
            Observed::Ended { .. } => self.bar.abandon(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::{FromIter, Inline, Source};

    #[test]
    fn at_the_end_the_bar_stands_where_the_run_does() {
        let numbers = |end| {
            FromIter::new(0..end).pipeline().try_map(|n: u64| if n < 9_000 { Ok(n) } else { Err("no") })
        };
        for (bar, stands) in
            [(Bar::new(), 9_000), (Bar::of_items(9_000), 9_000), (Bar::of_bytes(72_000), 72_000)]
        {
            let shown = bar.bar.clone();
            numbers(9_000).for_each(drop).observe(bar).run_on(&Inline).expect("nothing fails");
            assert_eq!((shown.position(), shown.is_finished()), (stands, true));
        }
        let (bar, failed) = (Bar::of_items(10_000), numbers(10_000).for_each(drop));
        let shown = bar.bar.clone();
        assert!(failed.observe(bar).run_on(&Inline).is_err());
        assert!(shown.position() <= 9_000 && shown.is_finished());
    }
}
