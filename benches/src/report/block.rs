//! What a report is made of: headings, tables, bars and plots.

use super::figures::ratio_text;
use crate::contender::Role;
use crate::statistics::Verdict;
use crate::summary::RatioRow;

pub(crate) enum Block {
    /// Level 1 to 3.
    Heading(u8, String),
    Text(String),
    Table(Table),
    Bars(Vec<Bar>),
    Plot(Plot),
    Code(String),
}

#[derive(Default)]
pub(crate) struct Table {
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// Text, with the place in the workspace that it stands for, as `path:line`, and the ratios that it tells, to be drawn.
#[derive(Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) link: Option<String>,
    pub(crate) strips: Vec<Strip>,
}

/// One ratio with its interval.
pub(crate) struct Strip {
    pub(crate) ratio: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) verdict: Verdict,
    /// What stands beside it.
    pub(crate) text: String,
}

impl Strip {
    pub(super) fn of(row: &RatioRow) -> Self {
        let RatioRow { ratio, low, high, verdict, .. } = *row;
        Self { ratio, low, high, verdict, text: format!("{}: {}", row.against, ratio_text(row)) }
    }
}

pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// Figures over sizes, of which each is some times the one before.
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) curves: Vec<PlotCurve>,
    /// How a figure is written.
    pub(crate) text: fn(f64) -> String,
    /// How a place to the right is written.
    pub(crate) size: fn(u64) -> String,
}

pub(crate) struct PlotCurve {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(u64, f64)>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}
