//! Alarms: a hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 7).
//!
//! To set, to take back and to fire an alarm takes constant time, however many there are, and no allocation in the long run. Six levels of 64
//! lists: those of level 0 hold the alarms of one tick each, those of the next level of 64 ticks, and so on. An alarm lies on the level of the
//! highest digit (in base 64) in which its tick differs from the present one; when the present reaches its list, it moves down.
//!
//! One more list holds alarms that have a span and no tick yet. Whoever sets many at once then looks at the clock once, behind them.

/// Lists in a level: as many as a word has bits.
const LISTS: u64 = 64;
const DIGIT: u32 = LISTS.trailing_zeros();
const LEVELS: usize = 6;
/// An alarm later than this is set for then, and set again when it is due. 2^35 ticks of a sixteenth of a millisecond are 25 days.
const FARTHEST: u64 = 1 << (DIGIT * LEVELS as u32 - 1);
/// The list of those without a tick: behind all levels.
const UNSET: usize = LEVELS * LISTS as usize;
/// The end of a list.
const NONE: u32 = u32::MAX;

/// Alarms, each with a value.
pub(crate) struct Wheel<T> {
    /// By number. Used again: those that were released are in the list `free`.
    alarms: Vec<Alarm<T>>,
    free: u32,
    /// The first alarm of each list, level by level.
    lists: [u32; UNSET + 1],
    /// For each level a bit for each list that is not empty.
    occupied: [u64; LEVELS],
    /// No alarm is due before it.
    now: u64,
}

struct Alarm<T> {
    value: Option<T>,
    /// In `UNSET`: its span.
    tick: u64,
    before: u32,
    after: u32,
    /// The list that it is in. `None`: it has fired.
    list: Option<u16>,
}

impl<T> Wheel<T> {
    /// No alarms; the present is tick 0.
    pub(crate) fn new() -> Self {
        let lists = [NONE; UNSET + 1];
        Wheel { alarms: Vec::new(), free: NONE, lists, occupied: [0; LEVELS], now: 0 }
    }

    /// Sets an alarm for `tick`, or for the present if that has passed. Returns its number, which is that of another one after `release`.
    pub(crate) fn set(&mut self, tick: u64, value: T) -> u32 {
        let number = self.make(tick.max(self.now), value);
        self.put(number);
        number
    }

    /// As `set`, for a span that begins with the next call of `begin`. In what unit is the caller's affair.
    pub(crate) fn set_after(&mut self, span: u64, value: T) -> u32 {
        let number = self.make(span, value);
        self.link(number, UNSET);
        number
    }

    /// The spans of `set_after` begin now: `tick_of` says at which tick each ends.
    pub(crate) fn begin(&mut self, tick_of: impl Fn(u64) -> u64) {
        let mut number = std::mem::replace(&mut self.lists[UNSET], NONE);
        while let Some(alarm) = self.alarms.get_mut(number as usize) {
            alarm.tick = tick_of(alarm.tick).max(self.now);
            let after = alarm.after;
            self.put(number);
            number = after;
        }
    }

    /// Whether no alarm is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.lists[UNSET] == NONE && self.occupied == [0; LEVELS]
    }

    /// Until when nothing is to be done: the first alarm is due then, or has to be looked at. `None`: there is no alarm with a tick.
    pub(crate) fn next(&self) -> Option<u64> {
        self.first().map(|(_, tick)| tick)
    }

    /// The present is now `tick`: gives the number of an alarm that is due, until there is none. It is no longer set, and keeps its number.
    pub(crate) fn fire(&mut self, tick: u64) -> Option<u32> {
        loop {
            // Those of the present tick, one after the other: mostly there are many.
            let number = self.lists[(self.now % LISTS) as usize];
            if number != NONE && self.now <= tick {
                self.unlink(number);
                return Some(number);
            }
            let Some((list, due)) = self.first().filter(|(_, due)| *due <= tick) else { break };
            self.now = self.now.max(due);
            if list < LISTS as usize {
                continue;
            }
            // The whole list: else what is left of it would be later than what has moved down.
            self.occupied[list / LISTS as usize] &= !(1 << (list as u64 % LISTS));
            let mut number = std::mem::replace(&mut self.lists[list], NONE);
            while number != NONE {
                let after = self.alarms[number as usize].after;
                self.put(number);
                number = after;
            }
        }
        self.now = self.now.max(tick);
        None
    }

    /// The value of an alarm, while it has one.
    pub(crate) fn value(&mut self, number: u32) -> &mut Option<T> {
        &mut self.alarms[number as usize].value
    }

    /// All values there are.
    pub(crate) fn values(&mut self) -> impl Iterator<Item = &mut T> {
        self.alarms.iter_mut().filter_map(|alarm| alarm.value.as_mut())
    }

    /// When an alarm is due.
    pub(crate) fn due(&self, number: u32) -> Due {
        let alarm = &self.alarms[number as usize];
        if alarm.list == Some(UNSET as u16) { Due::After(alarm.tick) } else { Due::At(alarm.tick) }
    }

    /// Takes an alarm back, or away after it has fired. The number is free then.
    pub(crate) fn release(&mut self, number: u32) -> Option<T> {
        self.unlink(number);
        let alarm = &mut self.alarms[number as usize];
        alarm.after = std::mem::replace(&mut self.free, number);
        alarm.value.take()
    }

    /// An alarm that is in no list.
    fn make(&mut self, tick: u64, value: T) -> u32 {
        let alarm = Alarm { value: Some(value), tick, before: NONE, after: NONE, list: None };
        match self.alarms.get(self.free as usize) {
            Some(free) => {
                let number = std::mem::replace(&mut self.free, free.after);
                self.alarms[number as usize] = alarm;
                number
            }
            None => {
                self.alarms.push(alarm);
                u32::try_from(self.alarms.len() - 1).expect("fewer alarms than memory has room for")
            }
        }
    }

    /// The list that the present reaches first, and when. The lower a level, the sooner are all its alarms.
    fn first(&self) -> Option<(usize, u64)> {
        let (level, occupied) = self.occupied.iter().enumerate().find(|(_, occupied)| **occupied != 0)?;
        let shift = DIGIT * level as u32;
        let present = self.now >> shift;
        let ahead = u64::from(occupied.rotate_right((present % LISTS) as u32).trailing_zeros());
        let list = level as u64 * LISTS + (present + ahead) % LISTS;
        Some((list as usize, ((present + ahead) << shift).max(self.now)))
    }

    /// Puts an alarm on the list where it belongs at present.
    fn put(&mut self, number: u32) {
        let tick = self.alarms[number as usize].tick.min(self.now + FARTHEST);
        // The lowest digit makes level 0 of no difference at all.
        let differ = ((self.now ^ tick) | (LISTS - 1)).ilog2() / DIGIT;
        let level = differ.min(LEVELS as u32 - 1);
        let list = (tick >> (DIGIT * level)) % LISTS;
        self.occupied[level as usize] |= 1 << list;
        self.link(number, (u64::from(level) * LISTS + list) as usize);
    }

    /// Makes it the first of a list.
    fn link(&mut self, number: u32, list: usize) {
        let after = std::mem::replace(&mut self.lists[list], number);
        if let Some(next) = self.alarms.get_mut(after as usize) {
            next.before = number;
        }
        let alarm = &mut self.alarms[number as usize];
        (alarm.before, alarm.after, alarm.list) = (NONE, after, Some(list as u16));
    }

    /// Takes it out of its list, if it is in one.
    fn unlink(&mut self, number: u32) {
        let alarm = &mut self.alarms[number as usize];
        let Some(list) = alarm.list.take() else { return };
        let (list, before, after) = (usize::from(list), alarm.before, alarm.after);
        if let Some(next) = self.alarms.get_mut(after as usize) {
            next.before = before;
        }
        if let Some(last) = self.alarms.get_mut(before as usize) {
            last.after = after;
            return;
        }
        self.lists[list] = after;
        if after == NONE && list != UNSET {
            self.occupied[list / LISTS as usize] &= !(1 << (list as u64 % LISTS));
        }
    }
}

/// When an alarm is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    At(u64),
    /// This much after the next `begin`.
    After(u64),
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;
    use std::collections::BTreeMap;

    /// The values of all that is due.
    fn fired<T>(wheel: &mut Wheel<T>, tick: u64) -> Vec<T> {
        let mut fired = Vec::new();
        while let Some(number) = wheel.fire(tick) {
            fired.extend(wheel.release(number));
        }
        fired
    }

    /// The oracle: alarms in a sorted map.
    fn due(naive: &mut BTreeMap<(u64, usize), ()>, tick: u64) -> Vec<usize> {
        let later = naive.split_off(&(tick + 1, 0));
        std::mem::replace(naive, later).into_keys().map(|(_, id)| id).collect()
    }

    #[test]
    fn alarms_fire_when_they_are_due_and_not_before() {
        let mut rng = Rng::new(7);
        for spans in [10, 100, 5_000, 1 << 20, 1 << 40] {
            let (mut wheel, mut naive) = (Wheel::new(), BTreeMap::new());
            let mut now = 0;
            for id in 0..3_000usize {
                let tick = now + u64::from(rng.number() as u32) % spans;
                wheel.set(tick, id);
                naive.insert((tick, id), ());
                if rng.below(4) == 0 {
                    now += u64::from(rng.number() as u32) % spans;
                    let mut fired = fired(&mut wheel, now);
                    let mut wanted = due(&mut naive, now);
                    fired.sort_unstable();
                    wanted.sort_unstable();
                    assert_eq!(fired, wanted, "at {now} of {spans}");
                }
                let first = naive.first_key_value().map(|((tick, _), ())| *tick);
                assert_eq!(wheel.next().is_some(), first.is_some());
                assert!(wheel.next() <= first, "{:?} is looked at in time", wheel.next());
            }
            assert!(wheel.alarms.len() <= 3_000);
        }
    }

    #[test]
    fn an_alarm_that_is_far_away_is_looked_at_seldom() {
        let mut wheel = Wheel::new();
        wheel.set(1 << 33, "late");
        let mut looks = 0;
        while let Some(next) = wheel.next() {
            looks += 1;
            let fired = fired(&mut wheel, next);
            assert_eq!(!fired.is_empty(), next == 1 << 33);
        }
        assert!(looks <= LEVELS, "{looks} looks");
    }

    #[test]
    fn places_of_alarms_are_used_again() {
        let mut wheel = Wheel::new();
        for round in 0..1_000u64 {
            wheel.set(round + 1, 1);
            wheel.set(round + 1, 2);
            assert_eq!(fired(&mut wheel, round + 1).iter().sum::<u32>(), 3);
        }
        assert_eq!((wheel.alarms.len(), wheel.next()), (2, None));
    }

    #[test]
    fn alarms_that_are_taken_back_do_not_fire_and_all_others_do() {
        for seed in 0..300 {
            let (mut rng, mut wheel, mut naive) = (Rng::new(seed), Wheel::new(), BTreeMap::new());
            // By value: its number, and its tick, or the span that has not begun.
            let (mut now, mut alarms, mut unset) = (0, BTreeMap::new(), BTreeMap::new());
            let span = [10, 100, 5_000, 1 << 20][rng.below(4) as usize];
            for id in 0..400usize {
                let at = rng.below(span);
                if rng.below(2) == 0 {
                    alarms.insert(id, wheel.set(now + at, id));
                    naive.insert((now + at, id), ());
                } else {
                    alarms.insert(id, wheel.set_after(at, id));
                    unset.insert(id, at);
                }
                if rng.below(3) == 0 {
                    let id =
                        *alarms.keys().nth(rng.below(alarms.len() as u64) as usize).expect("there is one");
                    let number = alarms.remove(&id).expect("it is one of them");
                    let due = wheel.due(number);
                    assert_eq!(wheel.release(number), Some(id));
                    match due {
                        Due::After(span) => assert_eq!(unset.remove(&id), Some(span)),
                        Due::At(tick) => assert_eq!(naive.remove(&(tick, id)), Some(())),
                    }
                }
                if rng.below(6) == 0 {
                    wheel.begin(|span| now + span);
                    naive.extend(
                        std::mem::take(&mut unset).into_iter().map(|(id, span)| ((now + span, id), ())),
                    );
                }
                if rng.below(6) == 0 {
                    now += rng.below(span);
                    let (mut fired, mut wanted) = (fired(&mut wheel, now), due(&mut naive, now));
                    fired.sort_unstable();
                    wanted.sort_unstable();
                    assert_eq!(fired, wanted, "at {now} of {span}, seed {seed}");
                    fired.iter().for_each(|id| assert!(alarms.remove(id).is_some()));
                }
                assert_eq!(wheel.is_empty(), alarms.is_empty());
                assert!(wheel.alarms.len() <= 400);
            }
        }
    }
}
