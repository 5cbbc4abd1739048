//! Models of the protocols, for loom, which runs them in every order that the memory model allows. With `RUSTFLAGS="--cfg loom"`.
//!
//! The bell, the loan and the pool are the real ones. What is around them is as small as shows the races: jobs are a number under a lock,
//! taken as `next_job` takes them.

mod books;

use crate::bell::Bell;
use crate::loan::lend;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use crate::thread_pool::Model;
use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

/// Every order with at most this many preemptions. Most bugs need one or two.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// What workers take, and the bell they sleep on.
struct Floor {
    jobs: Mutex<Jobs>,
    bell: Bell,
    cancelled: AtomicBool,
    done: AtomicUsize,
}

#[derive(Default)]
struct Jobs {
    ready: usize,
    ended: bool,
}

impl Floor {
    fn new() -> Arc<Self> {
        let (jobs, bell) = (Mutex::new(Jobs::default()), Bell::new());
        let (cancelled, done) = (AtomicBool::new(false), AtomicUsize::new(0));
        Arc::new(Floor { jobs, bell, cancelled, done })
    }

    /// As `next_job`: listens under the lock, having looked; wakes the next, having slept.
    fn work(&self) {
        let mut slept = false;
        loop {
            let mut jobs = self.jobs.lock().unwrap();
            if self.cancelled.load(Relaxed) || (jobs.ready == 0 && jobs.ended) {
                return;
            }
            if jobs.ready > 0 {
                jobs.ready -= 1;
                if slept {
                    self.bell.ring(1);
                }
                drop(jobs);
                self.done.fetch_add(1, SeqCst);
                slept = false;
                continue;
            }
            let listening = self.bell.listen();
            drop(jobs);
            if !self.cancelled.load(Relaxed) {
                listening.sleep(None);
            }
            slept = true;
        }
    }

    fn publish(&self, jobs: usize) {
        let mut state = self.jobs.lock().unwrap();
        state.ready += jobs;
        self.bell.ring(1);
    }

    fn end(&self) {
        self.jobs.lock().unwrap().ended = true;
        self.bell.ring_for_all();
    }
}

#[test]
fn every_job_is_done_and_nobody_sleeps_beside_one() {
    check(|| {
        let floor = Floor::new();
        let worker = floor.clone();
        let worker = thread::spawn(move || worker.work());
        floor.publish(1);
        floor.publish(1);
        floor.end();
        worker.join().unwrap();
        assert_eq!(floor.done.load(SeqCst), 2);
    });
}

#[test]
fn one_ring_for_two_jobs_wakes_two_workers_one_after_the_other() {
    check(|| {
        let floor = Floor::new();
        let workers = [floor.clone(), floor.clone()].map(|floor| thread::spawn(move || floor.work()));
        floor.publish(2);
        floor.end();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(floor.done.load(SeqCst), 2);
    });
}

#[test]
fn a_switch_that_knows_no_lock_wakes_who_is_about_to_sleep() {
    check(|| {
        let floor = Floor::new();
        let workers = [floor.clone(), floor.clone()].map(|floor| thread::spawn(move || floor.work()));
        floor.cancelled.store(true, SeqCst);
        floor.bell.ring_for_all();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn nobody_is_in_the_work_of_a_run_that_has_gone_on() {
    check(|| {
        let (inside, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            inside.fetch_add(1, SeqCst);
            assert!(!over.load(SeqCst), "the run was over");
            inside.fetch_sub(1, SeqCst);
        };
        let thread = lend(&work, |loan| {
            let loan = loan.clone();
            thread::spawn(move || loan.work())
        });
        over.store(true, SeqCst);
        assert_eq!(inside.load(SeqCst), 0);
        thread.join().unwrap();
    });
}

#[test]
fn a_thread_of_the_pool_serves_a_call_or_finds_it_gone_and_leaves_when_the_pool_does() {
    check(|| {
        let (calls, pool) = (AtomicUsize::new(0), Model::new());
        let serving = pool.thread();
        let thread = thread::spawn(move || serving.serve());
        lend(&|| _ = calls.fetch_add(1, SeqCst), |loan| {
            pool.invite(loan);
            pool.withdraw(loan);
        });
        drop(pool);
        thread.join().unwrap();
        assert!(calls.load(SeqCst) <= 1);
    });
}
