//! The closures and stages behind [`Op`](crate::testing::Op): what each adapter is given.

use crate::kernel::Program;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};
use crate::testing::Num;
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

pub(crate) fn map(n: i64) -> impl Fn(Num) -> Num + Send + Sync + 'static {
    move |item| item.with(item.value.wrapping_add(n))
}

pub(crate) fn filter(n: i64) -> impl Fn(&Num) -> bool + Send + Sync + 'static {
    move |item| item.value % n != 0
}

pub(crate) fn filter_map(n: i64) -> impl Fn(Num) -> Option<Num> + Send + Sync + 'static {
    move |item| (item.value % n != 0).then(|| item.with(item.value / 2))
}

pub(crate) fn try_map(n: i64) -> impl Fn(Num) -> Result<Num, String> + Send + Sync + 'static {
    move |item| if item.value % n == 0 { Err(refusal(item, n)) } else { Ok(item) }
}

pub(crate) fn flat_map(n: u64) -> impl Fn(Num) -> Children + Send + Sync + 'static {
    move |item| Children { of: item, next: 0, end: n }
}

pub(crate) fn multiplier(n: i64) -> impl Fn() -> Rc<i64> + Send + Sync + 'static {
    move || Rc::new(n)
}

pub(crate) fn multiply(n: &mut Rc<i64>, item: Num) -> Num {
    item.with(item.value.wrapping_mul(**n))
}

pub(crate) fn panics(n: i64) -> impl Fn(&Num) + Send + Sync + 'static {
    move |item| {
        if item.value % n == 0 {
            thrown(panic_text(*item));
        }
    }
}

/// Fails the first `fails` calls for each item whose value is a multiple of `n`.
pub(crate) fn flaky(n: i64, fails: u32) -> impl Fn(Num) -> Result<Num, String> + Send + Sync + 'static {
    let calls = Mutex::new(HashMap::<u64, u32>::new());
    move |item| {
        if item.value % n != 0 {
            return Ok(item);
        }
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = calls.entry(item.id).or_default();
        *calls += 1;
        if *calls <= fails { Err(busy(item)) } else { Ok(item) }
    }
}

pub(crate) fn refusal(item: Num, n: i64) -> String {
    format!("{} is a multiple of {n}", item.value)
}

pub(crate) fn busy(item: Num) -> String {
    format!("{} is busy", item.value)
}

pub(crate) fn panic_text(item: Num) -> String {
    format!("no {}", item.value)
}

/// Panics without the panic hook, which would print.
pub(crate) fn thrown(message: String) -> ! {
    resume_unwind(Box::new(message))
}

/// The items that `flat_map` makes of one, counted up.
pub(crate) struct Children {
    of: Num,
    next: u64,
    end: u64,
}

impl Iterator for Children {
    type Item = Num;

    fn next(&mut self) -> Option<Num> {
        let k = self.next;
        self.next += 1;
        (k < self.end).then(|| self.of.child(k, self.of.value.wrapping_add(k as i64)))
    }
}

/// A stage of one's own: emits, and then fails multiples of `n`, so that a failed item has left a sibling behind.
pub(crate) struct Own(pub(crate) i64);

impl Stage for Own {
    type State = Rc<()>;

    fn state(&self) -> Rc<()> {
        Rc::new(())
    }
}

impl Step<Num> for Own {
    type Out = Num;

    fn push<O: Emit<Num>>(&self, _: &mut Rc<()>, item: Num, out: &mut O) -> Flow {
        out.emit(item.child(0, item.value))?;
        match item.value % self.0 {
            0 => out.fail(refusal(item, self.0).into()),
            1 => out.emit(item.child(1, item.value.wrapping_add(1))),
            _ => Flow::Continue(()),
        }
    }
}

/// A serial stage of one's own: the difference to the value before; multiples of `n` fail.
pub(crate) struct Delta(pub(crate) i64);

impl Stage for Delta {
    type State = i64;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> i64 {
        0
    }
}

impl Step<Num> for Delta {
    type Out = Num;

    fn push<O: Emit<Num>>(&self, before: &mut i64, item: Num, out: &mut O) -> Flow {
        let before = std::mem::replace(before, item.value);
        if item.value % self.0 == 0 {
            return out.fail(refusal(item, self.0).into());
        }
        out.emit(item.with(item.value.wrapping_sub(before)))
    }
}

/// Equal when the values are: what `dedup` asks.
#[derive(Clone)]
pub(crate) struct Same(pub(crate) Num);

impl PartialEq for Same {
    fn eq(&self, other: &Self) -> bool {
        self.0.value == other.0.value
    }
}

pub(crate) fn different(Same(item): Same) -> Num {
    item
}

pub(crate) fn quotient(n: i64) -> impl Fn(&Num) -> i64 + Send + Sync + 'static {
    move |item| item.value / n
}

/// An item as a block of numbers: the halves of its id, which the program leaves within its bounds, and its value.
pub(crate) fn block(item: Num) -> Vec<f64> {
    vec![(item.id >> 32) as f64, f64::from(item.id as u32), item.value as f64]
}

const LOW: f64 = -1e6;
const HIGH: f64 = 1e10;

/// What is computed over a block.
pub(crate) fn program(n: i64) -> Program<f64> {
    Program::new().scale(0.5).add(n as f64).clamp(LOW, HIGH)
}

/// The item of a block that was computed.
pub(crate) fn of_block(n: i64) -> impl Fn(Vec<f64>) -> Num + Send + Sync + 'static {
    let back = move |x: f64| ((x - n as f64) * 2.0) as u64;
    move |block| Num { id: back(block[0]) << 32 | back(block[1]), value: block[2] as i64 }
}

/// What becomes of a value in a block.
pub(crate) fn computed(n: i64, value: i64) -> i64 {
    let halved = value as f64 / 2.0 + n as f64;
    (if halved < LOW { LOW } else { halved.min(HIGH) }) as i64
}

pub(crate) fn look(_: &Num) {}

pub(crate) fn joined(items: Vec<Num>) -> Num {
    Num::joined(&items)
}

pub(crate) fn zero() -> i64 {
    0
}

pub(crate) fn sum(sum: &mut i64, item: Num) -> Num {
    *sum = sum.wrapping_add(item.value);
    item.with(*sum)
}

pub(crate) fn numbered((number, item): (u64, Num)) -> Num {
    item.with(item.value.wrapping_add(number as i64))
}

/// What a fold keeps: how many, and their sum.
pub(crate) type Total = (u64, i64);

pub(crate) fn add(total: &mut Total, item: Num) {
    *total = (total.0 + 1, total.1.wrapping_add(item.value));
}

pub(crate) fn merge(all: &mut Total, part: Total) {
    *all = (all.0 + part.0, all.1.wrapping_add(part.1));
}
