//! Where a random pipeline ends, and what comes of it there.

use crate::fan::Overflow;
use crate::testing::oracle::{End, Expected};
use crate::testing::{Num, Rng};
use std::fmt;

/// Where a random pipeline ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// In a sink that may be told to fail.
    Sink(End),
    /// In a sink that asks for positions.
    Placed(End),
    /// In a fold.
    Fold,
    /// In a `tee` of a sink that is told where it is full, and one that asks for positions and is told whether it fails to commit.
    Tee(End),
    /// In a `route`: multiples into a sink that asks for positions, the rest into one that is told whether it fails to commit.
    Route(i64, End),
    /// In a `branch` with room for this many items, and a run behind it.
    Branch(Overflow, usize),
}

/// What one of the sinks at the end has to have.
pub(crate) struct Wanted {
    pub(crate) items: Vec<(Option<u64>, Num)>,
    /// Whether positions count.
    pub(crate) places: bool,
    pub(crate) commits: usize,
    /// Whether all of the items have to be there, or a beginning of them.
    pub(crate) all: bool,
}

impl Finish {
    /// The names of all ends, as [`Finish::name`] has them.
    pub(crate) const NAMES: [&'static str; 8] = [
        "sink",
        "sink with positions",
        "fold",
        "tee",
        "route",
        "branch, block",
        "branch, drop oldest",
        "branch, drop newest",
    ];

    /// An end; each in turn, so that none is left out by chance.
    pub(crate) fn of_turn(turn: u64, end: End, rng: &mut Rng) -> Finish {
        let most = if rng.below(2) == 0 { 4 } else { 100 };
        let room = 1 + rng.below(most) as usize;
        match turn % Self::NAMES.len() as u64 {
            0 => Finish::Sink(end),
            1 => Finish::Placed(end),
            2 => Finish::Fold,
            3 => Finish::Tee(end),
            4 => Finish::Route(2 + rng.below(3) as i64, End { full_at: None, ..end }),
            5 => Finish::Branch(Overflow::Block, room),
            6 => Finish::Branch(Overflow::DropOldest, room),
            _ => Finish::Branch(Overflow::DropNewest, room),
        }
    }

    /// What the tables call it.
    pub(crate) fn name(self) -> &'static str {
        let turn = match self {
            Finish::Sink(_) => 0,
            Finish::Placed(_) => 1,
            Finish::Fold => 2,
            Finish::Tee(_) => 3,
            Finish::Route(..) => 4,
            Finish::Branch(Overflow::Block, _) => 5,
            Finish::Branch(Overflow::DropOldest, _) => 6,
            Finish::Branch(Overflow::DropNewest, _) => 7,
        };
        Self::NAMES[turn]
    }

    /// Whether what comes out depends on the order.
    pub(crate) fn asks_for_order(self) -> bool {
        matches!(self, Finish::Branch(Overflow::DropOldest | Overflow::DropNewest, _))
    }

    /// How the sink fails.
    pub fn end(self) -> End {
        match self {
            Finish::Sink(end) | Finish::Placed(end) | Finish::Tee(end) | Finish::Route(_, end) => end,
            Finish::Fold | Finish::Branch(..) => End::default(),
        }
    }

    /// The same end, where the sink fails so.
    #[must_use]
    pub(crate) fn with(self, end: End) -> Finish {
        match self {
            Finish::Sink(_) => Finish::Sink(end),
            Finish::Placed(_) => Finish::Placed(end),
            Finish::Tee(_) => Finish::Tee(end),
            Finish::Route(n, _) => Finish::Route(n, end),
            Finish::Fold | Finish::Branch(..) => self,
        }
    }

    /// What each of its sinks has to have, if the run gives what is expected.
    pub(crate) fn wanted(self, expected: &Expected) -> Vec<Wanted> {
        let (outputs, well) = (&expected.outputs, expected.error.is_none());
        let wanted = |items: Vec<_>, places| Wanted { items, places, commits: usize::from(well), all: true };
        // Of two sinks the second one fails to commit: the first has been committed by then.
        let first = |wanted| Wanted { commits: usize::from(well || expected.fails_to_commit), ..wanted };
        match self {
            Finish::Fold => Vec::new(),
            Finish::Sink(_) => vec![wanted(outputs.clone(), false)],
            Finish::Placed(_) => vec![wanted(outputs.clone(), true)],
            Finish::Tee(_) => vec![first(wanted(outputs.clone(), false)), wanted(outputs.clone(), true)],
            Finish::Route(n, _) => {
                let (multiples, rest) = outputs.iter().partition(|(_, item)| item.value % n == 0);
                vec![first(wanted(multiples, true)), wanted(rest, false)]
            }
            Finish::Branch(Overflow::Block, _) => vec![Wanted { all: well, ..wanted(outputs.clone(), true) }],
            // Its reader begins when the writer has ended, and so gets nothing of one that failed.
            Finish::Branch(..) if !well => vec![wanted(Vec::new(), true)],
            Finish::Branch(Overflow::DropOldest, room) => {
                vec![wanted(outputs[outputs.len().saturating_sub(room)..].to_vec(), true)]
            }
            Finish::Branch(Overflow::DropNewest, room) => {
                vec![wanted(outputs[..outputs.len().min(room)].to_vec(), true)]
            }
        }
    }
}

/// As the end of a program.
impl fmt::Display for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finish::Sink(end) => write!(f, ".to(sink, {end})"),
            Finish::Placed(end) => write!(f, ".to(sink with positions, {end})"),
            Finish::Fold => write!(f, ".fold(count and sum)"),
            Finish::Tee(end) => write!(f, ".to(sink tee, with positions, {end})"),
            Finish::Route(n, end) => write!(f, ".to(sink route, multiples of {n}, {end})"),
            Finish::Branch(overflow, room) => write!(f, ".to(sink branch, {overflow:?}, room for {room})"),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.full_at, self.fails_to_commit) {
            (Some(at), _) => write!(f, "full at {at}"),
            (None, true) => write!(f, "fails to commit"),
            (None, false) => write!(f, "takes all"),
        }
    }
}
