//! What a pipeline gives when it is run as one would write it down: one item after the other, through one stage after the other.
//!
//! Nothing here is shared with the harness: no batches, no workers, no policies applied by anybody else. So where the two agree, both
//! are right, or both have misread the same sentence of the documentation.

use crate::position::Position;
use crate::testing::input::{Input, Read};
use crate::testing::letters::Letter;
use crate::testing::op::{Does, Memory, Op};
use crate::testing::shape::{Link, Outcome, Part, Shape};
use crate::testing::steps::{self, Total};
use crate::testing::{Num, Pull};

/// Where a pipeline ends, and how that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// The sink fails at this item.
    pub full_at: Option<usize>,
    /// It fails to commit.
    pub fails_to_commit: bool,
}

/// What a run has to give.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// What the sink gets, each with the position of the item it came from: `None` for what stages emit when they finish.
    pub outputs: Vec<(Option<u64>, Num)>,
    /// What a fold gives.
    pub total: Total,
    /// The text of the error, if it fails.
    pub error: Option<String>,
    /// The letters. Of a run that ends early, those that must be there.
    pub letters: Vec<Letter>,
    /// The accounts, segment by segment.
    pub accounts: Vec<Account>,
    /// From this segment on the accounts are exact; those before have read ahead of a stage that had enough.
    pub exact_from: usize,
    /// Whether the error is that the sink failed to commit.
    pub(crate) fails_to_commit: bool,
    /// Stages whose share of failures may end the run on the way, depending on who fails first.
    pub may_abort: Vec<String>,
}

/// What a segment did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Items that came in.
    pub taken: u64,
    /// Items that went out.
    pub emitted: u64,
    /// Of each stage: skipped, dead-lettered, retried.
    pub stages: Vec<[u64; 3]>,
}

/// Why the naive run stops.
enum Halt {
    Fails(String),
    Enough(usize),
}

struct Naive<'s> {
    parts: &'s [Part],
    folds: bool,
    end: End,
    memories: Vec<Vec<Memory>>,
    expected: Expected,
}

/// What came of one attempt at one record.
#[derive(Default)]
struct Attempt {
    number: u32,
    outputs: Vec<Num>,
    skipped: Vec<usize>,
    letter: Option<(usize, String, u64)>,
    /// The stage that wants another attempt.
    again: Option<usize>,
    exhausted: bool,
    halt: Option<Stop>,
}

enum Stop {
    Fails(usize, String),
    Panics(usize, String),
    Enough,
}

/// Runs a pipeline of this shape over what a script gives, whose positions are indices.
pub fn expect(shape: &Shape, script: &[Pull<Num>], end: End) -> Expected {
    expect_read(shape, &Input::Script.naive(script), end)
}

/// Runs a pipeline of this shape over what the source gives.
pub(crate) fn expect_read(shape: &Shape, reads: &[Read], end: End) -> Expected {
    let parts = &shape.parts;
    let memories = parts.iter().map(|part| part.links.iter().map(|_| Memory::default()).collect()).collect();
    let account = |part: &Part| Account { stages: vec![[0; 3]; part.links.len()], ..Account::default() };
    let expected = Expected { accounts: parts.iter().map(account).collect(), ..Expected::default() };
    let mut naive = Naive { parts, folds: shape.folds, end, memories, expected };
    // Of these the source is not asked.
    let reads_nothing = parts.iter().flat_map(|part| &part.links).any(|link| matches!(link.op, Op::Take(0)));
    match naive.run(if reads_nothing { &[] } else { reads }) {
        Ok(()) | Err(Halt::Enough(_)) => {}
        Err(Halt::Fails(error)) => naive.expected.error = Some(error),
    }
    naive.expected.letters.sort();
    naive.note_aborts();
    naive.expected
}

impl Naive<'_> {
    fn run(&mut self, reads: &[Read]) -> Result<(), Halt> {
        match self.read(reads) {
            Err(Halt::Enough(segment)) => self.expected.exact_from = segment,
            read => read?,
        }
        self.finish()?;
        self.commit()
    }

    fn read(&mut self, reads: &[Read]) -> Result<(), Halt> {
        for read in reads {
            match read {
                Pull::Give(items) => {
                    for (at, item) in items {
                        self.record(0, Some(*at), *item)?;
                    }
                }
                Pull::Fail(why) => return Err(Halt::Fails(format!("source: {why}"))),
                Pull::Panic(why) => return Err(Halt::Fails(format!("stage source panicked: {why}"))),
            }
        }
        Ok(())
    }

    /// After the last item, or after a stage had enough: what came before that stage goes nowhere.
    fn finish(&mut self) -> Result<(), Halt> {
        for segment in 0..self.parts.len() {
            for stage in 0..self.parts[segment].links.len() {
                let op = self.parts[segment].links[stage].op;
                let Some(item) = op.naive_finish(&mut self.memories[segment][stage]) else { continue };
                self.expected.accounts[segment].emitted += 1;
                if segment < self.expected.exact_from {
                    continue;
                }
                match self.record(segment + 1, None, item) {
                    Err(Halt::Enough(at)) => self.expected.exact_from = at,
                    done => done?,
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Halt> {
        if let Some((stage, ratio, failed, taken)) =
            self.shares().find(|(_, ratio, failed, taken)| *failed as f64 > ratio * *taken as f64)
        {
            let percent = ratio * 100.0;
            let error = format!("stage {stage} failed on {failed} of {taken} items, more than {percent}%");
            return Err(Halt::Fails(error));
        }
        if self.end.fails_to_commit {
            self.expected.fails_to_commit = true;
            return Err(Halt::Fails(self.full()));
        }
        Ok(())
    }

    /// Stages with a bound: its name, the bound, how many failed, how many its segment took.
    fn shares(&self) -> impl Iterator<Item = (&str, f64, u64, u64)> {
        self.parts.iter().zip(&self.expected.accounts).flat_map(|(part, account)| {
            part.links.iter().zip(&account.stages).filter_map(|(link, [skipped, letters, _])| {
                let ratio = link.rule.unwrap_or_default().abort_above?;
                Some((&*link.name, ratio, skipped + letters, account.taken))
            })
        })
    }

    /// In whatever order items fail, a share is looked at from 1,000 items on. Of a run that fails more may have been read.
    fn note_aborts(&mut self) {
        let fails = self.expected.error.is_some();
        let may = |(name, ratio, failed, _): (&str, f64, u64, u64)| {
            (fails || failed as f64 > ratio * 1_000.0).then(|| name.to_owned())
        };
        self.expected.may_abort = self.shares().filter_map(may).collect();
    }

    /// One record into a segment, and what becomes of it into the next.
    fn record(&mut self, segment: usize, at: Option<u64>, item: Num) -> Result<(), Halt> {
        if segment == self.parts.len() {
            return self.write(at, item);
        }
        self.expected.accounts[segment].taken += 1;
        let mut attempt = Attempt { number: 1, ..Attempt::default() };
        loop {
            self.stage(segment, 0, item, &mut attempt);
            let Some(stage) = attempt.again else { break };
            self.expected.accounts[segment].stages[stage][2] += 1;
            attempt = Attempt { number: attempt.number + 1, ..Attempt::default() };
        }
        self.settle(segment, at, &attempt);
        let part = &self.parts[segment];
        let panicked = matches!(attempt.halt, Some(Stop::Panics(..)));
        if !(attempt.exhausted || panicked && part.retries()) {
            for output in attempt.outputs {
                self.expected.accounts[segment].emitted += 1;
                self.record(segment + 1, at, output)?;
            }
        }
        let name = |stage: usize| &part.links[stage].name;
        let place = at.map_or(String::new(), |at| format!(" at {}", Position::from_raw(at)));
        match attempt.halt {
            None => Ok(()),
            Some(Stop::Enough) => Err(Halt::Enough(segment)),
            Some(Stop::Fails(stage, why)) => {
                Err(Halt::Fails(format!("stage {} failed{place}: {why}", name(stage))))
            }
            Some(Stop::Panics(stage, why)) => {
                Err(Halt::Fails(format!("stage {} panicked{place}: {why}", name(stage))))
            }
        }
    }

    /// One item into a stage, and what it emits into the next one of the segment. True: go on with the siblings.
    fn stage(&mut self, segment: usize, stage: usize, item: Num, attempt: &mut Attempt) -> bool {
        let Some(link) = self.parts[segment].links.get(stage) else {
            if self.folds && segment + 1 == self.parts.len() {
                steps::add(&mut self.expected.total, item);
            } else {
                attempt.outputs.push(item);
            }
            return true;
        };
        for does in link.op.naive(&mut self.memories[segment][stage], item) {
            let goes_on = match does {
                Does::Emit(output) => self.stage(segment, stage + 1, output, attempt),
                Does::Fail(why) => attempt.failed(link, stage, why),
                Does::Panic(why) => attempt.stops(Stop::Panics(stage, why)),
                Does::Enough => attempt.stops(Stop::Enough),
            };
            if !goes_on {
                return false;
            }
        }
        true
    }

    fn settle(&mut self, segment: usize, at: Option<u64>, attempt: &Attempt) {
        let stages = &mut self.expected.accounts[segment].stages;
        // A panic leaves no time for letters and counts.
        if matches!(attempt.halt, Some(Stop::Panics(..))) {
            return;
        }
        for stage in &attempt.skipped {
            stages[*stage][0] += 1;
        }
        if let Some((stage, error, more)) = &attempt.letter {
            stages[*stage][1] += 1 + more;
            self.expected.letters.push(Letter {
                stage: self.parts[segment].links[*stage].name.clone(),
                at,
                record: None,
                error: error.clone(),
                attempts: attempt.number,
                more: *more,
            });
        }
    }

    fn write(&mut self, at: Option<u64>, item: Num) -> Result<(), Halt> {
        if self.end.full_at == Some(self.expected.outputs.len()) {
            return Err(Halt::Fails(self.full()));
        }
        self.expected.outputs.push((at, item));
        Ok(())
    }

    fn full(&self) -> String {
        format!("sink, after {} items: full", self.expected.outputs.len())
    }
}

impl Attempt {
    /// Applies the policy of a stage. True: go on with the siblings.
    fn failed(&mut self, link: &Link, stage: usize, why: String) -> bool {
        if link.attempts.is_some_and(|attempts| self.number < attempts) {
            self.again = Some(stage);
            return false;
        }
        self.exhausted |= link.attempts.is_some();
        match link.rule.unwrap_or_default().then {
            Outcome::Fail => return self.stops(Stop::Fails(stage, why)),
            Outcome::Skip => self.skipped.push(stage),
            Outcome::Letter => match &mut self.letter {
                Some((_, _, more)) => *more += 1,
                none => *none = Some((stage, why, 0)),
            },
        }
        true
    }

    fn stops(&mut self, stop: Stop) -> bool {
        self.halt = Some(stop);
        false
    }
}
