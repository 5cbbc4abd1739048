//! Random shapes of fan-out and fan-in over tiny edges, with ends and failures anywhere: every run ends, and the accounts are exact.
//!
//! ```text
//! root --> tree of tee / route --> leaf, or branch --.
//! root --> ...                                       |   pool of branch sources
//!                             .----------------------'
//!                             `--> one, merged, zipped, concatenated --> [take] [fails] --> tree --> leaf, or branch --> pool ...
//! ```
//!
//! Each root and each reader is a run on a thread of its own. Shapes that may ask for what cannot end (zip, concat, a source that nobody
//! reads) have edges that stall soon; any result will do, as long as there is one. The others must go well where nothing was told to
//! fail, on edges that stall only after longer than the test waits.
//!
//! `FAN_SECONDS` says for how long it tries shapes (3 unless set), `FAN_SEED` with which it begins.
#![cfg(feature = "testing")]

use pipe_core::testing::Rng;
use pipe_core::{
    Bound, BoxError, Boxed, BranchError, BranchErrorKind, BranchReport, BranchSink, BranchSource, Identity,
    Inline, Items, Overflow, Own, Pipeline, Position, Pulled, Route, RunError, Sink, Source, Tee, Want,
    branch, concat, from_iter, from_source, merge, route, tee, zip,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

/// A number that is counted while it lives, and knows what the branch behind it has to preserve.
#[derive(Clone)]
struct Item {
    number: u64,
    sequence: u64,
    position: u64,
    _alive: Arc<()>,
}

/// What both sides of a branch saw.
#[derive(Clone)]
struct Account {
    overflow: Overflow,
    written: Arc<AtomicU64>,
    got: Arc<AtomicU64>,
    /// The reader came to the end.
    ended: Arc<AtomicBool>,
    /// Sent and dropped, once committed.
    report: Arc<std::sync::Mutex<Option<BranchReport>>>,
}

impl Account {
    fn check(&self) {
        let (written, got) = (self.written.load(SeqCst), self.got.load(SeqCst));
        let Some(report) = *self.report.lock().unwrap() else {
            assert!(!self.ended.load(SeqCst), "a reader came to the end of a branch that was not committed");
            return;
        };
        assert_eq!(report.sent, written);
        assert!(got + report.dropped <= report.sent, "{got} of {report:?}");
        if self.ended.load(SeqCst) {
            assert_eq!(got + report.dropped, report.sent);
            assert!(self.overflow != Overflow::Block || report.dropped == 0);
        }
    }
}

/// A random tree of sinks, made of the real ones.
enum Tree {
    Leaf { fails_at: Option<u64>, panics: bool, seen: u64 },
    Branch(BranchSink<Item>, Account),
    Tee(Box<Tee<Tree, Tree>>),
    Route(Box<Route<fn(&Item) -> bool, Tree, Tree>>),
}

impl Sink<Item> for Tree {
    type Done = ();
    const POSITIONS: bool = true;

    fn write(&mut self, _: Item) -> Result<(), BoxError> {
        Err("written without its position".into())
    }

    fn write_at(&mut self, position: Position, mut item: Item) -> Result<(), BoxError> {
        match self {
            Tree::Leaf { fails_at, panics, seen } => {
                *seen += 1;
                if *fails_at == Some(*seen) {
                    fail(*panics)?;
                }
                Ok(())
            }
            Tree::Branch(sink, account) => {
                (item.sequence, item.position) = (account.written.load(SeqCst), position.raw());
                sink.write_at(position, item)?;
                account.written.fetch_add(1, SeqCst);
                Ok(())
            }
            Tree::Tee(tee) => tee.write_at(position, item),
            Tree::Route(route) => route.write_at(position, item),
        }
    }

    fn commit(self) -> Result<(), BoxError> {
        match self {
            Tree::Leaf { fails_at: Some(0), panics, .. } => fail(panics),
            Tree::Leaf { .. } => Ok(()),
            Tree::Branch(sink, account) => {
                let mut report = account.report.lock().unwrap();
                *report = Some(sink.commit()?);
                Ok(())
            }
            Tree::Tee(tee) => tee.commit().map(|_| ()),
            Tree::Route(route) => route.commit().map(|_| ()),
        }
    }
}

fn fail(panics: bool) -> Result<(), BoxError> {
    if panics {
        // Not `panic!`: the hook would print.
        std::panic::resume_unwind(Box::new("told to"));
    }
    Err("told to".into())
}

/// A branch that is checked while it is read.
struct Watched {
    source: BranchSource<Item>,
    account: Account,
    next: u64,
}

impl Watched {
    fn check(&mut self, batch: Option<Items<Item>>) -> Option<Items<Item>> {
        let Some(mut batch) = batch else {
            self.account.ended.store(true, SeqCst);
            return None;
        };
        let (mut positions, mut items) = (Vec::new(), Vec::new());
        while let Some((at, item)) = batch.next_at() {
            assert_eq!(at, item.position);
            let lost = item.sequence.checked_sub(self.next).expect("items come in order, once");
            assert!(lost == 0 || self.account.overflow != Overflow::Block);
            self.next = item.sequence + 1;
            positions.push(at);
            items.push(item);
        }
        self.account.got.fetch_add(items.len() as u64, SeqCst);
        Some(Items::at(positions, items))
    }
}

impl Source for Watched {
    type Item = Own<Item>;
    type Batch = Items<Item>;

    fn pull(&mut self, want: Want) -> Result<Option<Items<Item>>, BoxError> {
        let batch = self.source.pull(want)?;
        Ok(self.check(batch))
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Items<Item>> {
        self.source.poll_pull(want, waker).map_ok(|batch| self.check(batch))
    }
}

type Numbers = Pipeline<Boxed<'static, Item>, Identity, Own<Item>>;

/// Makes a pipeline on the thread that runs it: one whose type has ended is not `Send`.
type Make = Box<dyn FnOnce() -> Numbers + Send>;

/// One random shape.
struct Shape {
    rng: Rng,
    /// Something may end early, fail or stall.
    wild: bool,
    pool: Vec<Watched>,
    accounts: Vec<Account>,
    runs: Vec<(Make, Tree)>,
    /// Sources that nobody reads.
    idle: Vec<Watched>,
}

impl Shape {
    fn new(seed: u64) -> (Self, Arc<()>) {
        let mut rng = Rng::new(seed);
        let (wild, alive) = (rng.below(3) > 0, Arc::new(()));
        let mut shape =
            Shape { rng, wild, pool: Vec::new(), accounts: Vec::new(), runs: Vec::new(), idle: Vec::new() };
        for _ in 0..=shape.rng.below(2) {
            let (items, token) = (shape.rng.below(300), alive.clone());
            let item = move |number| Item { number, sequence: 0, position: 0, _alive: token.clone() };
            let tree = shape.tree(3);
            shape.runs.push((Box::new(move || from_iter(0..items).map(item).boxed()), tree));
        }
        while !shape.pool.is_empty() {
            shape.reader();
        }
        (shape, alive)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.rng.below(n) == 0
    }

    fn wild_one_in(&mut self, n: u64) -> bool {
        self.wild && self.one_in(n)
    }

    /// Fewer branches the more there are.
    fn tree(&mut self, depth: u64) -> Tree {
        let most = if self.accounts.len() < 6 { 5 } else { 1 };
        match self.rng.below(most) {
            1 | 2 if depth > 0 => Tree::Tee(Box::new(tee(self.tree(depth - 1), self.tree(depth - 1)))),
            3 if depth > 0 => {
                let ways: [fn(&Item) -> bool; 3] =
                    [|item| item.number.is_multiple_of(2), |item| item.number > 100, |_| false];
                let way = ways[self.rng.below(3) as usize];
                Tree::Route(Box::new(route(way, self.tree(depth - 1), self.tree(depth - 1))))
            }
            0 => {
                let fails_at = self.wild_one_in(12).then(|| self.rng.below(100));
                Tree::Leaf { fails_at, panics: self.one_in(2), seen: 0 }
            }
            _ => self.branch(),
        }
    }

    fn branch(&mut self) -> Tree {
        let overflow = [Overflow::Block, Overflow::Block, Overflow::DropOldest, Overflow::DropNewest];
        let overflow = overflow[self.rng.below(4) as usize];
        let few = |rng: &mut Rng, many| [1, 1 + rng.below(5) as usize, many][rng.below(3) as usize];
        let (items, bytes) = (few(&mut self.rng, 1_000), few(&mut self.rng, 1_000) * 20);
        let stall_after = if self.wild { Duration::from_millis(20) } else { Duration::from_secs(100) };
        let (sink, source) = branch("random", Bound { items, bytes, overflow, stall_after }).unwrap();
        let account = Account {
            overflow,
            written: Arc::default(),
            got: Arc::default(),
            ended: Arc::default(),
            report: Arc::default(),
        };
        self.accounts.push(account.clone());
        self.pool.push(Watched { source, account: account.clone(), next: 0 });
        Tree::Branch(sink, account)
    }

    fn pick(&mut self) -> Watched {
        let index = self.rng.below(self.pool.len() as u64) as usize;
        self.pool.swap_remove(index)
    }

    /// A run that reads one source of the pool, or some.
    fn reader(&mut self) {
        let first = self.pick();
        if self.wild_one_in(15) {
            // Gone before anything runs, or there and never read.
            if self.one_in(2) {
                self.idle.push(first);
            }
            return;
        }
        let mut sources = vec![first];
        while !self.pool.is_empty() && self.one_in(2) {
            sources.push(self.pick());
        }
        let joined = self.joined(sources);
        let make = self.with_ends(joined);
        let tree = self.tree(2);
        self.runs.push((make, tree));
    }

    fn joined(&mut self, mut sources: Vec<Watched>) -> Make {
        let stall_after = if self.wild { Duration::from_millis(20) } else { Duration::from_secs(100) };
        match self.rng.below(if self.wild { 4 } else { 2 }) {
            0 if sources.len() == 1 => Box::new(move || from_source(sources.remove(0)).boxed()),
            2 => Box::new(move || from_source(concat(sources)).boxed()),
            3 if sources.len() >= 2 => {
                let (left, right) = (sources.remove(0), sources.remove(0));
                if sources.is_empty() {
                    return Box::new(move || from_source(zip(left, right)).map(|(left, _)| left).boxed());
                }
                // The pairs beside what is left, as one.
                let pairs = zip(merge(sources).stall_after(stall_after), zip(left, right));
                Box::new(move || from_source(pairs).map(|(rest, _)| rest).boxed())
            }
            _ => Box::new(move || from_source(merge(sources).stall_after(stall_after)).boxed()),
        }
    }

    fn with_ends(&mut self, make: Make) -> Make {
        let take = self.wild_one_in(5).then(|| self.rng.below(50));
        let refused = self.wild_one_in(6).then(|| (self.rng.below(300), self.rng.below(2) == 0));
        let refuse = move |item: Item| match refused {
            Some((number, panics)) if number == item.number => fail(panics).map(|()| item),
            _ => Ok(item),
        };
        Box::new(move || make().take(take.unwrap_or(u64::MAX)).try_map(refuse).boxed())
    }

    /// Runs all of it, and says how the runs ended.
    fn run(self, alive: Arc<()>) -> Tally {
        let Shape { wild, accounts, runs, idle, pool, .. } = self;
        drop(pool);
        let threads: Vec<_> = runs
            .into_iter()
            .map(|(make, tree)| thread::spawn(move || make().to(tree).run_on(&Inline).map(|_| ())))
            .collect();
        let mut tally = Tally::new();
        for ended in threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>() {
            *tally.entry(name(&ended)).or_default() += 1;
            assert!(wild || ended.is_ok(), "nothing was told to fail: {}", ended.unwrap_err());
        }
        drop(idle);
        accounts.iter().for_each(Account::check);
        assert_eq!(Arc::strong_count(&alive), 1, "items are left alive");
        tally
    }
}

/// How many runs ended how.
type Tally = BTreeMap<&'static str, u64>;

fn name(ended: &Result<(), RunError>) -> &'static str {
    let Err(error) = ended else { return "well" };
    match error.stage_error::<BranchError>().map(BranchError::kind) {
        Some(BranchErrorKind::Abandoned) => "abandoned",
        Some(BranchErrorKind::Closed { .. }) => "closed",
        Some(BranchErrorKind::Stalled { .. }) => "stalled",
        _ => "as told",
    }
}

#[test]
fn random_shapes_end_and_their_accounts_are_exact() {
    let set = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let (first, span) = (set("FAN_SEED").unwrap_or(0), Duration::from_secs(set("FAN_SECONDS").unwrap_or(3)));
    let (started, mut seed, mut most, mut all) = (Instant::now(), first, Duration::ZERO, Tally::new());
    while started.elapsed() < span || seed == first {
        let (over, is_over) = mpsc::channel::<()>();
        let began = Instant::now();
        let shape = thread::spawn(move || {
            let (shape, alive) = Shape::new(seed);
            let tally = shape.run(alive);
            drop(over);
            tally
        });
        // The sender is dropped at the end, also by a panic. Nothing is ever sent.
        let hangs = is_over.recv_timeout(Duration::from_secs(20)) == Err(mpsc::RecvTimeoutError::Timeout);
        assert!(!hangs, "the shape of FAN_SEED={seed} did not end");
        let tally = shape.join().unwrap_or_else(|_| panic!("the shape of FAN_SEED={seed} ended badly"));
        tally.into_iter().for_each(|(name, runs)| *all.entry(name).or_default() += runs);
        (seed, most) = (seed + 1, most.max(began.elapsed()));
    }
    println!(
        "{} shapes from FAN_SEED={first} on, the longest took {most:?}; runs ended {all:?}",
        seed - first
    );
}
