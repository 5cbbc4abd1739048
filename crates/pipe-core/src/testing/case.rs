//! A random pipeline with its input, made from a seed.

use crate::testing::input::{self, Input};
use crate::testing::oracle::{self, End, Expected};
use crate::testing::shape::{Outcome, Rule, Shape};
use crate::testing::{Finish, LetterLog, Num, Op, Provable, Pull, Rng};
use std::fmt;

/// A pipeline as data: printed it reads like the program, and the seed makes it again.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it was made from.
    pub seed: u64,
    /// The input, batch by batch.
    pub script: Vec<Pull<Num>>,
    /// The form of the source.
    pub input: Input,
    /// `.retry(..)` with so many attempts, behind the stages that belong to the source.
    pub input_attempts: Option<u32>,
    /// The stages.
    pub blocks: Vec<Block>,
    /// `.on_error(..)` at the end.
    pub last_rule: Option<Rule>,
    /// Where it ends.
    pub finish: Finish,
}

/// Stages that are added together: up to two that fuse, or one that does not.
#[derive(Debug, Clone)]
pub struct Block {
    /// The stages.
    pub ops: Vec<Op>,
    /// `.retry(..)` with this many attempts behind each of them.
    pub attempts: Vec<Option<u32>>,
    /// `.on_error(..)` behind them.
    pub rule: Option<Rule>,
    /// `.unordered()` behind them.
    pub unordered: bool,
}

impl Case {
    /// The case of this seed. Sources and ends come in turn, so that each pair of them comes once in 64 seeds in a row.
    pub fn new(seed: u64) -> Case {
        let mut rng = Rng::new(seed);
        let mut blocks = blocks(&mut rng);
        let input = Input::of_turn(seed, &mut rng);
        let input_attempts = (rng.below(3) == 0).then(|| 1 + rng.below(4) as u32);
        let end = match rng.below(10) {
            0 => End { full_at: Some(rng.below(200) as usize), fails_to_commit: false },
            1 => End { full_at: None, fails_to_commit: true },
            _ => End::default(),
        };
        let mut finish = Finish::of_turn(seed / Input::NAMES.len() as u64, end, &mut rng);
        if finish.asks_for_order() {
            blocks.iter_mut().for_each(|block| block.unordered = false);
        }
        let unordered = blocks.iter().any(|block| block.unordered);
        if unordered {
            finish = finish.with(End { full_at: None, ..finish.end() });
        }
        let script = script(&mut rng, unordered || !input.can_fail());
        let last_rule = Some(Rule::random(&mut rng)).filter(|_| rng.below(8) > 0);
        let mut case = Case { seed, script, input, input_attempts, blocks, last_rule, finish };
        case.make_determinate();
        case
    }

    /// The case of this seed, for this executor: without async stages, if it has no reactor.
    pub(crate) fn on(executor: &dyn Provable, seed: u64) -> Case {
        let mut case = Case::new(seed);
        if !executor.has_reactor() {
            case.make_sync();
        }
        case
    }

    /// Puts a stage that does the same in the place of each async one.
    pub fn make_sync(&mut self) {
        for op in self.blocks.iter_mut().flat_map(|block| &mut block.ops) {
            *op = op.in_sync();
        }
    }

    /// Takes out what would let the result depend on who comes first.
    fn make_determinate(&mut self) {
        let unordered = self.is_unordered();
        let ends_early = self.ops().any(Op::may_end_early);
        let tame = |rule: &mut Rule| {
            if unordered && rule.then == Outcome::Fail {
                rule.then = Outcome::Skip;
            }
            if ends_early && rule.abort_above.is_some() {
                // How much was read ahead decides on the share: only one that cannot be exceeded is determinate.
                rule.abort_above = Some(1.0);
            }
        };
        self.blocks.iter_mut().filter_map(|block| block.rule.as_mut()).for_each(tame);
        if unordered {
            // Of several failures any may be the first.
            self.last_rule.get_or_insert(Rule::plain(Outcome::Letter));
            for op in self.blocks.iter_mut().flat_map(|block| &mut block.ops) {
                if matches!(op, Op::Panics(_)) {
                    *op = Op::Inspect;
                }
            }
        }
        self.last_rule.iter_mut().for_each(tame);
        if matches!(self.input, Input::Merge(_)) && (!unordered || self.ops().any(Op::is_serial)) {
            // Batches come in turn, and an executor may want smaller ones: only those of one item come in the same order each time.
            self.script = input::single(&self.script);
        }
        for block in self.blocks.iter_mut().filter(|block| ends_early && block.ops.len() > 1) {
            // Nor may one record fail more than once.
            if matches!(block.ops[0], Op::FlatMap(_) | Op::Own(_)) {
                block.ops[0] = Op::Map(1);
            }
        }
    }

    /// Whether outputs may come in any order.
    pub fn is_unordered(&self) -> bool {
        self.blocks.iter().any(|block| block.unordered)
    }

    /// All its stages.
    pub fn ops(&self) -> impl Iterator<Item = Op> + '_ {
        self.blocks.iter().flat_map(|block| block.ops.iter().copied())
    }

    /// Its segments.
    pub fn shape(&self) -> Shape {
        let mut shape = self.input.shape();
        if matches!(self.input, Input::Text(..)) {
            // The stage behind `parse` has none: it comes later.
            self.input_attempts.iter().for_each(|attempts| shape.retry_first(*attempts));
        }
        for block in &self.blocks {
            for (op, attempts) in block.ops.iter().zip(&block.attempts) {
                shape.add(*op);
                attempts.iter().for_each(|attempts| shape.retry(*attempts));
            }
            block.rule.iter().for_each(|rule| shape.on_error(*rule));
            if block.unordered {
                shape.unordered();
            }
            // Each block is boxed.
            shape.edge();
        }
        self.last_rule.iter().for_each(|rule| shape.on_error(*rule));
        if self.finish == Finish::Fold {
            shape.fold();
        }
        shape.finished()
    }

    /// A letter of a stage right behind the source carries the record as it stood there, where the source lends it.
    pub(crate) fn records_agree(&self, log: &LetterLog) -> Result<(), String> {
        let shape = self.shape();
        let first = shape.first_stages();
        for letter in log.letters().iter().filter(|letter| first.contains(&&*letter.stage)) {
            let record = letter.at.and_then(|at| self.input.record(&self.script, at));
            if record.is_some() && letter.record != record {
                return Err(format!("another record than that of its line: {letter:?}"));
            }
        }
        Ok(())
    }

    /// What it has to give.
    pub fn expected(&self) -> Expected {
        oracle::expect_read(&self.shape(), &self.input.naive(&self.script), self.finish.end())
    }
}

fn blocks(rng: &mut Rng) -> Vec<Block> {
    let mut blocks: Vec<Block> = (0..rng.below(6)).map(|_| block(rng)).collect();
    // Not before a serial stage: that is a `Config` error, which has a law of its own.
    let last_serial = blocks.iter().rposition(|block| block.ops[0].is_serial());
    if rng.below(4) == 0 && !blocks.is_empty() {
        let from = last_serial.map_or(0, |last| last + 1);
        let at = rng.below(blocks.len() as u64) as usize;
        if at >= from {
            blocks[at].unordered = true;
        }
    }
    blocks
}

fn block(rng: &mut Rng) -> Block {
    let ops = match rng.below(12) {
        0..=2 => vec![Op::serial(rng)],
        3 => vec![Op::Edge],
        10 | 11 => vec![Op::asynchronous(rng)],
        4 | 5 => vec![Op::fusable(rng)],
        _ => vec![Op::fusable(rng), Op::fusable(rng)],
    };
    let retry = |op: &Op, rng: &mut Rng| {
        let worth = matches!(op, Op::Flaky(..) | Op::TryMap(_) | Op::Own(_) | Op::TryMapAsync(..));
        (!op.is_serial() && rng.below(if worth { 2 } else { 8 }) == 0).then(|| 1 + rng.below(4) as u32)
    };
    let attempts = ops.iter().map(|op| retry(op, rng)).collect();
    let rule = (rng.below(2) == 0).then(|| Rule::random(rng));
    Block { ops, attempts, rule, unordered: false }
}

fn script(rng: &mut Rng, must_end_well: bool) -> Vec<Pull<Num>> {
    // Nothing, one item, few, thousands.
    let (batches, longest) = match rng.below(32) {
        0 | 1 => (0, 1),
        2 | 3 => (1, 1),
        4..=7 => (1 + rng.below(12), 1),
        8..=30 => (1 + rng.below(12), 1 + rng.below(40)),
        _ => (1 + rng.below(6), 700),
    };
    let (span, mut next) = (2 + rng.below(1_000), 0);
    let mut batch = |rng: &mut Rng| {
        let items = (0..=rng.below(longest)).map(|_| {
            next += 1;
            Num::input(next, rng.below(span) as i64 - 20)
        });
        Pull::Give(items.collect())
    };
    let mut script: Vec<_> = (0..batches).map(|_| batch(rng)).collect();
    match rng.below(12) {
        _ if must_end_well => {}
        0 => script.push(Pull::Fail("torn".to_owned())),
        1 => script.push(Pull::Panic("dry".to_owned())),
        _ => {}
    }
    script
}

/// As a program.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths: Vec<_> = self
            .script
            .iter()
            .map(|pull| match pull {
                Pull::Give(items) => items.len().to_string(),
                Pull::Fail(_) => "failure".to_owned(),
                Pull::Panic(_) => "panic".to_owned(),
            })
            .collect();
        writeln!(f, "script: batches of {}", lengths.join(", "))?;
        write!(f, "{}", self.input)?;
        let retried = self.input_attempts.filter(|_| matches!(self.input, Input::Text(..)));
        writeln!(
            f,
            "{}.boxed()",
            retried.map_or(String::new(), |attempts| format!("/* parse.retry({attempts}) */"))
        )?;
        for block in &self.blocks {
            write!(f, "    ")?;
            for (op, attempts) in block.ops.iter().zip(&block.attempts) {
                write!(f, "{op}")?;
                attempts.map_or(Ok(()), |attempts| write!(f, ".retry({attempts})"))?;
            }
            block.rule.map_or(Ok(()), |rule| write!(f, ".on_error({rule})"))?;
            writeln!(f, "{}.boxed()", if block.unordered { ".unordered()" } else { "" })?;
        }
        self.last_rule.map_or(Ok(()), |rule| writeln!(f, "    .on_error({rule})"))?;
        write!(f, "    {}", self.finish)
    }
}
