//! A shard: a driver on a thread and a runtime of its own.

use super::Shared;
use super::mail::{Mail, Next};
use crate::conductor::{MOST, PORTION, ROUNDS, TURN};
use crate::driver::{AsyncWorker, Driver, Released};
use crate::runtime::Runtime;
use crate::stretch::dropping;
use pipe_core::plan::RunState;
use pipe_core::{AsyncStep, Pace};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

/// One shard at work.
struct Shard<S: AsyncStep, R: Runtime> {
    driver: Driver<Shared<S>, R::Timer>,
    mail: Arc<Mail<S::In, S::Out>>,
    portion: Pace,
    run: Arc<RunState>,
}

/// A shard on this thread, to its end.
pub(crate) fn run<S: AsyncStep + 'static, R: Runtime>(
    step: Shared<S>,
    segment: usize,
    concurrency: usize,
    run: Arc<RunState>,
    mail: Arc<Mail<S::In, S::Out>>,
) {
    let shard = || {
        let driver = Driver::of_shard(step, segment, &run, concurrency);
        Shard::<S, R> { driver, mail: mail.clone(), portion: Pace::new(PORTION, MOST), run: run.clone() }
    };
    if let Err(error) = R::block_on(carry(shard)) {
        mail.broken(error);
    }
}

/// It is made, polled and dropped inside the runtime: what operations hold of some runtimes has to be.
async fn carry<S: AsyncStep + 'static, R: Runtime>(make: impl FnOnce() -> Shard<S, R>) {
    let mut shard = make();
    let mail = shard.mail.clone();
    let ran = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| shard.poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(thrown) => Poll::Ready(Err(thrown)),
    });
    let failed = ran.await.err().map(dropping);
    let thrown = catch_unwind(AssertUnwindSafe(|| drop(shard))).err().map(dropping);
    if let Some(error) = failed.or(thrown) {
        mail.broken(error);
    }
}

impl<S: AsyncStep + 'static, R: Runtime> Shard<S, R> {
    /// As the conductor's, for this one driver.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let began = self.run.measure();
        let (mut before, mut rounds) = (began, 0);
        loop {
            while self.driver.wants() {
                match self.mail.next(true, None) {
                    Next::Items(items) => self.driver.accept(items),
                    Next::Nothing => break,
                    Next::End => return Poll::Ready(()),
                }
            }
            let progress = self.driver.advance(self.portion.items(), cx.waker());
            let now = self.run.measure();
            rounds += 1;
            self.portion.learn(progress.operations, now.saturating_sub(before));
            let is_turn_over = now.saturating_sub(began) >= TURN || rounds >= ROUNDS;
            // To wake the task costs as much as many operations.
            let is_batch = self.driver.released(self.run.batch_bytes()) == Released::Batch;
            if is_batch || is_turn_over || !progress.moved {
                self.send();
            }
            if self.mail.is_over() {
                return Poll::Ready(());
            }
            if is_turn_over {
                R::come_back(cx);
                return Poll::Pending;
            }
            if !progress.moved {
                match self.mail.next(self.driver.wants(), Some(cx.waker())) {
                    Next::Items(items) => self.driver.accept(items),
                    Next::Nothing => return Poll::Pending,
                    Next::End => return Poll::Ready(()),
                }
            }
            before = now;
        }
    }

    fn send(&mut self) {
        let (most, others) = (self.run.batch_bytes(), self.driver.take_others());
        self.mail.send(std::iter::from_fn(|| self.driver.take_items(most)), others);
    }
}
