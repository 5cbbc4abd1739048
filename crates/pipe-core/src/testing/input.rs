//! Where a random pipeline begins: the forms of a source, each with its meaning as plain code.

use crate::fan::{concat, merge, zip};
use crate::kernel::{Blocks, Program};
use crate::pipeline::Pipeline;
use crate::position::Position;
use crate::source::{from_iter, from_source};
use crate::testing::build::at_once;
use crate::testing::row::{again, line, row};
use crate::testing::sealed::{Numbers, sealed};
use crate::testing::{Num, Op, Pull, Rng, ScriptedSource, Shape, TextSource};
use std::collections::VecDeque;
use std::fmt;

/// The form of a source. What it gives is the script of the case, dealt out where there are several inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// `from_source`, which gives batches as they are in the script.
    Script,
    /// `from_iter`, cut into batches by the executor.
    Iter,
    /// `skip_rows` and `take_rows`.
    Rows(u64, u64),
    /// Lines of text, lent by their batch: `skip_rows` and `take_rows`, then `parse`, where multiples of the last number fail.
    Text(u64, u64, i64),
    /// `concat` of this many.
    Concat(usize),
    /// `merge` of this many.
    Merge(usize),
    /// `zip` of two, the left one behind a `concat`.
    Zip,
    /// Blocks of this many numbers, lent where they lie, and a kernel over each.
    Blocks(usize),
}

/// What a source gives, one after the other, with positions.
pub(crate) type Read = Pull<(u64, Num)>;

impl Input {
    /// The names of all forms, as [`Input::name`] has them.
    pub(crate) const NAMES: [&'static str; 8] = [
        "from_source",
        "from_iter",
        "skip_rows, take_rows",
        "rows of text",
        "concat",
        "merge",
        "zip",
        "blocks",
    ];

    /// A form; each in turn, so that none is left out by chance.
    pub(crate) fn of_turn(turn: u64, rng: &mut Rng) -> Input {
        let (skip, take) = (rng.below(8), if rng.below(2) == 0 { rng.below(100) } else { u64::MAX });
        let few = 1 + rng.below(4) as usize;
        match turn % Self::NAMES.len() as u64 {
            0 => Input::Script,
            1 => Input::Iter,
            2 => Input::Rows(skip, take),
            3 => Input::Text(skip, take, 3 + rng.below(9) as i64),
            4 => Input::Concat(few),
            5 => Input::Merge(few),
            6 => Input::Zip,
            _ => Input::Blocks(few),
        }
    }

    /// What the tables call it.
    pub(crate) fn name(self) -> &'static str {
        let turn = match self {
            Input::Script => 0,
            Input::Iter => 1,
            Input::Rows(..) => 2,
            Input::Text(..) => 3,
            Input::Concat(_) => 4,
            Input::Merge(_) => 5,
            Input::Zip => 6,
            Input::Blocks(_) => 7,
        };
        Self::NAMES[turn]
    }

    /// Whether a failure or a panic in its script would be that of a source.
    pub(crate) fn can_fail(self) -> bool {
        !matches!(self, Input::Iter | Input::Text(..) | Input::Blocks(_))
    }

    /// The stages that belong to it.
    pub(crate) fn shape(self) -> Shape {
        let mut shape = Shape::new();
        match self {
            Input::Text(_, _, n) => {
                shape.add(Op::Parse(n));
                shape.add(Op::Pass);
            }
            Input::Zip => shape.add(Op::Pass),
            Input::Blocks(_) => {
                shape.add_named(Op::Pass, "kernel");
                shape.add(Op::Pass);
            }
            Input::Script | Input::Iter | Input::Rows(..) | Input::Concat(_) | Input::Merge(_) => {}
        }
        shape.edge();
        shape
    }

    /// The source itself, up to its first edge. `attempts` are for the stages that belong to it.
    pub(crate) fn pipeline(self, script: &[Pull<Num>], attempts: Option<u32>) -> Numbers {
        let source = |script: Vec<Pull<Num>>| ScriptedSource::new(script);
        let inputs = |inputs| dealt(script, inputs).into_iter().map(ScriptedSource::new);
        match self {
            Input::Script => sealed(from_source(source(script.to_vec())).boxed()),
            Input::Iter => sealed(from_iter(items(script)).boxed()),
            Input::Rows(skip, take) => {
                sealed(from_source(source(script.to_vec())).skip_rows(skip).take_rows(take))
            }
            Input::Text(skip, take, n) => {
                let lines = TextSource::new(items(script).into_iter().map(line));
                let rows = from_source(lines).skip_rows(skip).take_rows(take);
                match attempts {
                    Some(attempts) => {
                        sealed(rows.parse(row(n)).retry(at_once(attempts)).map(|row| again(&row)))
                    }
                    None => sealed(rows.parse(row(n)).map(|row| again(&row))),
                }
            }
            Input::Concat(n) => sealed(from_source(concat(inputs(n)))),
            Input::Merge(n) => sealed(from_source(merge(inputs(n)))),
            Input::Zip => {
                let [left, right] = [0, 1].map(|side| source(dealt(script, 2).swap_remove(side)));
                // So that pairs tell whose positions they have.
                let left = concat([source(Vec::new()), left]);
                sealed(from_source(zip(left, right)).map(|(left, right)| Num::joined(&[left, right])))
            }
            Input::Blocks(size) => {
                let blocks = from_source(Blocks::new(numbers(script), size));
                let kernel: Pipeline<_, _, _> = blocks.kernel(Program::new().scale(2.0).add(1.0));
                sealed(kernel.map(|block| of_block(&block)))
            }
        }
    }

    /// What it gives, as one would write it down.
    pub(crate) fn naive(self, script: &[Pull<Num>]) -> Vec<Read> {
        match self {
            Input::Script | Input::Iter => placed(script, 0),
            Input::Rows(skip, take) => some_rows(placed(script, 0), skip, take),
            Input::Text(skip, take, _) => some_rows(placed(&[Pull::Give(items(script))], 0), skip, take),
            Input::Concat(n) => {
                let inputs = dealt(script, n).into_iter().enumerate();
                inputs.flat_map(|(input, script)| placed(&script, input)).collect()
            }
            Input::Merge(n) => {
                let inputs = dealt(script, n).into_iter().enumerate();
                let mut turns: VecDeque<_> = inputs.map(|(input, script)| placed(&script, input)).collect();
                let mut merged = Vec::new();
                while let Some(mut input) = turns.pop_front() {
                    if !input.is_empty() {
                        merged.push(input.remove(0));
                        turns.push_back(input);
                    }
                }
                merged
            }
            Input::Zip => {
                let [left, right] = [0, 1].map(|side| single(&dealt(script, 2)[side]));
                let mut right = right.into_iter();
                let mut pairs = Vec::new();
                for (at, left) in (0..).zip(left) {
                    // The left one is asked first; the end of either is the end, and so is its failure.
                    let Pull::Give(left) = left else {
                        pairs.extend(placed(&[left], 0));
                        break;
                    };
                    match right.next() {
                        None => break,
                        Some(Pull::Give(right)) => {
                            let at = Position::from_raw(at).of_input(1).raw();
                            pairs.push(Pull::Give(vec![(at, Num::joined(&[left[0], right[0]]))]));
                        }
                        Some(failure) => {
                            pairs.extend(placed(&[failure], 0));
                            break;
                        }
                    }
                }
                pairs
            }
            Input::Blocks(size) => {
                let computed: Vec<f64> = numbers(script).iter().map(|x| x * 2.0 + 1.0).collect();
                let blocks = computed.chunks(size).enumerate();
                blocks.map(|(at, block)| Pull::Give(vec![((at * size) as u64, of_block(block))])).collect()
            }
        }
    }

    /// The record of a dead letter, where the source lends one.
    pub(crate) fn record(self, script: &[Pull<Num>], at: u64) -> Option<Vec<u8>> {
        let at = usize::try_from(at).ok()?;
        matches!(self, Input::Text(..)).then(|| line(items(script)[at]).into_bytes())
    }
}

/// The items of a script, without how it ends.
fn items(script: &[Pull<Num>]) -> Vec<Num> {
    let given = script.iter().filter_map(|pull| match pull {
        Pull::Give(items) => Some(items),
        Pull::Fail(_) | Pull::Panic(_) => None,
    });
    given.flatten().copied().collect()
}

/// The same script, one item at a time.
pub(crate) fn single(script: &[Pull<Num>]) -> Vec<Pull<Num>> {
    let each = |pull: &Pull<Num>| match pull {
        Pull::Give(items) => items.iter().map(|item| Pull::Give(vec![*item])).collect(),
        end => vec![end.clone()],
    };
    script.iter().flat_map(each).collect()
}

/// A script for each of this many inputs.
fn dealt(script: &[Pull<Num>], inputs: usize) -> Vec<Vec<Pull<Num>>> {
    let mut dealt = vec![Vec::new(); inputs];
    for (turn, pull) in script.iter().enumerate() {
        dealt[turn % inputs].push(pull.clone());
    }
    dealt
}

/// The items with their positions in input number `input`.
fn placed(script: &[Pull<Num>], input: usize) -> Vec<Read> {
    let mut next = 0;
    let mut place = |item: &Num| {
        next += 1;
        (Position::from_raw(next - 1).of_input(input).raw(), *item)
    };
    let pulls = script.iter().map(|pull| match pull {
        Pull::Give(items) => Pull::Give(items.iter().map(&mut place).collect()),
        Pull::Fail(why) => Pull::Fail(why.clone()),
        Pull::Panic(why) => Pull::Panic(why.clone()),
    });
    pulls.collect()
}

/// What is left behind `skip` rows, up to `take` rows: behind these nobody asks for more.
fn some_rows(reads: Vec<Read>, mut skip: u64, mut take: u64) -> Vec<Read> {
    let mut some = Vec::new();
    for read in reads {
        if take == 0 {
            break;
        }
        let Pull::Give(rows) = read else {
            some.push(read);
            break;
        };
        let left_out = skip.min(rows.len() as u64);
        skip -= left_out;
        let kept: Vec<_> =
            rows.into_iter().skip(left_out as usize).take(take.min(1 << 32) as usize).collect();
        take -= kept.len() as u64;
        some.push(Pull::Give(kept));
    }
    some
}

/// All different, and small enough to be computed with exactly.
fn numbers(script: &[Pull<Num>]) -> Vec<f64> {
    let number = |(at, item): (usize, Num)| (at * 2_048) as f64 + (item.value + 20) as f64;
    items(script).into_iter().enumerate().map(number).collect()
}

/// A block as one item.
fn of_block(block: &[f64]) -> Num {
    let sum: f64 = block.iter().sum();
    Num::input(block[0] as u64, sum as i64)
}

/// As the beginning of a program.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Script => write!(f, "from_source(script)"),
            Input::Iter => write!(f, "from_iter(items of the script)"),
            Input::Rows(skip, take) => write!(f, "from_source(script).skip_rows({skip}).take_rows({take})"),
            Input::Text(skip, take, n) => {
                let parse = format!("parse(|line| refuse multiples of {n}).map(again)");
                write!(f, "from_source(lines of the script).skip_rows({skip}).take_rows({take}).{parse}")
            }
            Input::Concat(n) => write!(f, "from_source(concat(script dealt to {n}))"),
            Input::Merge(n) => write!(f, "from_source(merge(script dealt to {n}))"),
            Input::Zip => write!(f, "from_source(zip(concat([nothing, even pulls]), odd pulls)).map(joined)"),
            Input::Blocks(size) => {
                write!(f, "from_source(Blocks::new(script, {size})).kernel(2 * x + 1).map(sum)")
            }
        }
    }
}
