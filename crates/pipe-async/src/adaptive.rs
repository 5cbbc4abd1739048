//! How many operations may be in flight, where that follows how soon they are answered.
//!
//! As TCP Vegas (Brakmo and Peterson, 1995) does it for packets, and Netflix' concurrency-limits for requests: a service that has as many
//! operations as it can work on answers no sooner for more of them; the others wait in it. How many do is estimated as
//! `limit * (1 - base / latency)`, where `base` is the latency without a queue. While a few wait, the service has enough to do; more only
//! make all of them slower.
//!
//! ```text
//! starting   doubles              until some wait
//! steady     one or two up, down  while fewer, or more, wait than should
//! probing    halves               for one window, now and then, and when half of them wait: what `base` is now
//! ```
//!
//! The probe is that of BBR (Cardwell et al., 2016): in a service that is never idle nobody sees what it takes without a queue. All numbers
//! are means over a window, which has as many operations as may be in flight, started within it: answers that take now this long and now
//! that are no sign of a queue.

use std::time::Duration;

/// The limit of one stage.
pub(crate) struct Adaptive {
    limit: f64,
    most: usize,
    phase: Phase,
    /// The mean latency without a queue, in seconds, as far as is known.
    base: Option<f64>,
    /// When operations began, by their places.
    began: Vec<Duration>,
    window: Window,
    /// Windows since the last probe.
    windows: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Starting,
    Steady,
    /// The limit before, and why.
    Probing(f64, Cause),
}

#[derive(Clone, Copy, PartialEq)]
enum Cause {
    /// It is time.
    Turn,
    /// Answers take twice as long, or more: is the service slower now, or is it overloaded?
    Slow,
}

/// Operations that began after the last change of the limit, and are over.
#[derive(Default)]
struct Window {
    since: Duration,
    count: usize,
    seconds: f64,
    /// The most in flight.
    in_flight: usize,
}

/// Where it starts; and a probe does not go below.
const FEWEST: usize = 4;

/// Windows from probe to probe: half as many operations in one of them costs less than two hundredths.
const PROBE_EVERY: u32 = 30;

/// The least operations in a window.
const WINDOW: usize = 16;

impl Adaptive {
    /// Starts with a few, and never goes beyond `most`.
    pub(crate) fn new(most: usize) -> Self {
        Adaptive {
            limit: FEWEST.min(most) as f64,
            most,
            phase: Phase::Starting,
            base: None,
            began: Vec::new(),
            window: Window::default(),
            windows: 0,
        }
    }

    /// How many may be in flight now.
    pub(crate) fn limit(&self) -> usize {
        (self.limit as usize).clamp(1, self.most)
    }

    /// The operation at `place` begins; this many are in flight with it.
    pub(crate) fn began(&mut self, place: usize, now: Duration, in_flight: usize) {
        if place >= self.began.len() {
            self.began.resize(place + 1, Duration::ZERO);
        }
        self.began[place] = now;
        self.window.in_flight = self.window.in_flight.max(in_flight);
    }

    /// That operation is over.
    pub(crate) fn ended(&mut self, place: usize, now: Duration) {
        let Some(began) = self.began.get(place).filter(|began| **began >= self.window.since) else { return };
        self.window.count += 1;
        self.window.seconds += now.saturating_sub(*began).as_secs_f64();
        if self.window.count >= self.limit().max(WINDOW) {
            let mean = self.window.seconds / self.window.count as f64;
            let was_full = self.window.in_flight >= self.limit();
            self.judge(mean, was_full);
            self.limit = self.limit.clamp(1.0, self.most as f64);
            // What began at this moment began under the old limit.
            self.window = Window { since: now + Duration::from_nanos(1), ..Window::default() };
        }
    }

    /// What a window says.
    fn judge(&mut self, mean: f64, was_full: bool) {
        if let Phase::Probing(before, cause) = self.phase {
            let is_slower = self.base.is_none_or(|base| mean > 1.25 * base);
            // An overload, and not a service that has become slower: the half is what it can do.
            if cause == Cause::Turn || is_slower {
                self.limit = before;
            }
            (self.base, self.phase, self.windows) = (Some(mean), Phase::Steady, 0);
            return;
        }
        let base = self.base.map_or(mean, |base| base.min(mean));
        self.base = Some(base);
        self.windows += 1;
        let waiting = if mean > 0.0 { self.limit * (1.0 - base / mean) } else { 0.0 };
        let unit = self.limit.log10().max(1.0);
        let (few, many) = (waiting < 3.0 * unit, waiting > 6.0 * unit);
        if many && waiting > self.limit / 2.0 {
            self.probe(Cause::Slow);
        } else if self.phase == Phase::Starting {
            match (few, was_full) {
                (true, true) => self.limit *= 2.0,
                (true, false) => {}
                (false, _) => self.phase = Phase::Steady,
            }
        } else if self.windows >= PROBE_EVERY {
            self.probe(Cause::Turn);
        } else if few && was_full {
            self.limit += unit;
        } else if many {
            self.limit -= unit;
        }
    }

    fn probe(&mut self, cause: Cause) {
        self.phase = Phase::Probing(self.limit, cause);
        self.limit = (self.limit / 2.0).max(FEWEST as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    /// A service that works on `servers` operations at once, each for about `span`; others wait in front of it in their order.
    struct Service {
        free_at: BinaryHeap<Reverse<Duration>>,
        rng: Rng,
    }

    impl Service {
        fn new(servers: usize) -> Self {
            let free_at = std::iter::repeat_n(Reverse(Duration::ZERO), servers).collect();
            Service { free_at, rng: Rng::new(1) }
        }

        /// When the answer comes.
        fn answer(&mut self, now: Duration, span: Duration) -> Duration {
            let Reverse(free) = self.free_at.pop().expect("it has servers");
            let jitter = self.rng.below(400) as f64 / 1_000.0 + 0.8;
            let at = free.max(now) + span.mul_f64(jitter);
            self.free_at.push(Reverse(at));
            at
        }
    }

    /// Runs as many operations as may be until `end`, and returns how many were over then, and the mean limit of the last half.
    fn drive(
        adaptive: &mut Adaptive,
        service: &mut Service,
        from: Duration,
        to: Duration,
        span: Duration,
    ) -> (usize, f64) {
        let (mut now, mut over, mut limits) = (from, 0, Vec::new());
        let mut in_flight = BinaryHeap::new();
        let mut free: Vec<usize> = (0..adaptive.most).rev().collect();
        while now < to {
            while in_flight.len() < adaptive.limit() {
                let place = free.pop().expect("there are as many places");
                in_flight.push(Reverse((service.answer(now, span), place)));
                adaptive.began(place, now, in_flight.len());
            }
            let Some(Reverse((at, place))) = in_flight.pop() else { break };
            now = at;
            adaptive.ended(place, now);
            free.push(place);
            over += 1;
            if now > from + (to - from) / 2 {
                limits.push(adaptive.limit());
            }
        }
        (over, limits.iter().sum::<usize>() as f64 / limits.len() as f64)
    }

    const SECOND: Duration = Duration::from_secs(1);
    const SPAN: Duration = Duration::from_millis(10);

    #[test]
    fn a_service_gets_what_it_can_work_on_and_a_few_more() {
        for (servers, seconds) in [(1, 20), (10, 20), (100, 10), (1_000, 4)] {
            let (mut adaptive, mut service) = (Adaptive::new(5_000), Service::new(servers));
            let span = seconds * SECOND;
            let (over, limit) = drive(&mut adaptive, &mut service, Duration::ZERO, span, SPAN);
            let can = servers as f64 * span.as_secs_f64() / SPAN.as_secs_f64();
            assert!(over as f64 > 0.85 * can, "{over} of {can} with {servers} servers");
            let most = 1.25 * servers as f64 + 12.0;
            assert!(limit < most, "{limit} in flight on average for {servers} servers");
        }
    }

    #[test]
    fn it_follows_a_service_that_loses_most_of_what_it_can_do() {
        let mut adaptive = Adaptive::new(5_000);
        drive(&mut adaptive, &mut Service::new(200), Duration::ZERO, 10 * SECOND, SPAN);
        assert!(adaptive.limit() > 150, "{}", adaptive.limit());
        let mut small = Service::new(20);
        let (_, limit) = drive(&mut adaptive, &mut small, 10 * SECOND, 40 * SECOND, SPAN);
        assert!(limit < 45.0, "{limit} in flight on average for 20 servers");
    }

    #[test]
    fn a_service_that_is_slower_but_has_no_queue_is_used_as_much_as_before() {
        let (mut adaptive, mut service) = (Adaptive::new(5_000), Service::new(100));
        drive(&mut adaptive, &mut service, Duration::ZERO, 10 * SECOND, SPAN);
        let (over, _) = drive(&mut adaptive, &mut service, 10 * SECOND, 60 * SECOND, 5 * SPAN);
        let can = 100.0 * 50.0 * SECOND.as_secs_f64() / (5 * SPAN).as_secs_f64();
        assert!(over as f64 > 0.8 * can, "{over} of {can}");
    }

    #[test]
    fn the_limit_is_never_beyond_the_most_and_never_none() {
        for most in [1, 2, 5, 64] {
            let (mut adaptive, mut service) = (Adaptive::new(most), Service::new(1_000));
            drive(&mut adaptive, &mut service, Duration::ZERO, SECOND, SPAN);
            assert!((1..=most).contains(&adaptive.limit()));
        }
    }
}
