//! Alarms: a hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 7).
//!
//! To set and to fire an alarm takes constant time, however many there are, and no allocation in the long run. Six levels of 64
//! lists: those of level 0 hold the alarms of one tick each, those of the next level of 64 ticks, and so on. An alarm lies on the level of the
//! highest digit (in base 64) in which its tick differs from the present one; when the present reaches its list, it moves down.

/// Lists in a level: as many as a word has bits.
const LISTS: u64 = 64;
const DIGIT: u32 = LISTS.trailing_zeros();
const LEVELS: usize = 6;
/// An alarm later than this is set for then, and set again when it is due. 2^35 ticks of a millisecond are a year.
const FARTHEST: u64 = 1 << (DIGIT * LEVELS as u32 - 1);
/// The end of a list.
const NONE: u32 = u32::MAX;

/// Alarms, each with a value that is given back when it is due.
pub(crate) struct Wheel<T> {
    /// Used again: those that hold no value are in the list `free`.
    alarms: Vec<Alarm<T>>,
    free: u32,
    levels: [Level; LEVELS],
    /// No alarm is due before it.
    now: u64,
}

struct Level {
    /// A bit for each list that is not empty.
    occupied: u64,
    /// The first alarm of each.
    lists: [u32; LISTS as usize],
}

struct Alarm<T> {
    value: Option<T>,
    tick: u64,
    after: u32,
}

/// Which list an alarm is in.
#[derive(Clone, Copy)]
struct Place {
    level: u8,
    list: u8,
}

impl<T> Wheel<T> {
    /// No alarms; the present is tick 0.
    pub(crate) fn new() -> Self {
        let level = || Level { occupied: 0, lists: [NONE; LISTS as usize] };
        Wheel { alarms: Vec::new(), free: NONE, levels: std::array::from_fn(|_| level()), now: 0 }
    }

    /// Sets an alarm for `tick`, or for the present if that has passed.
    pub(crate) fn set(&mut self, tick: u64, value: T) {
        let alarm = Alarm { value: Some(value), tick: tick.max(self.now), after: NONE };
        let index = match self.alarms.get(self.free as usize) {
            Some(free) => {
                let index = std::mem::replace(&mut self.free, free.after);
                self.alarms[index as usize] = alarm;
                index
            }
            None => {
                self.alarms.push(alarm);
                u32::try_from(self.alarms.len() - 1).expect("fewer alarms than memory has room for")
            }
        };
        self.put(index);
    }

    /// Until when nothing is to be done: the first alarm is due then, or has to be looked at. `None`: there is no alarm.
    pub(crate) fn next(&self) -> Option<u64> {
        self.first().map(|(_, tick)| tick)
    }

    /// The present is now `tick`: gives an alarm that is due, until there is none.
    pub(crate) fn fire(&mut self, tick: u64) -> Option<T> {
        while let Some((place, due)) = self.first().filter(|(_, due)| *due <= tick) {
            self.now = self.now.max(due);
            if place.level == 0 {
                return self.pop(place).and_then(|index| self.give_back(index));
            }
            // The whole list: else what is left of it would be later than what has moved down.
            while let Some(index) = self.pop(place) {
                self.put(index);
            }
        }
        self.now = self.now.max(tick);
        None
    }

    /// The list that the present reaches first, and when. The lower a level, the sooner are all its alarms.
    fn first(&self) -> Option<(Place, u64)> {
        let (level, found) = self.levels.iter().enumerate().find(|(_, level)| level.occupied != 0)?;
        let shift = DIGIT * level as u32;
        let present = self.now >> shift;
        let list = (present % LISTS) as u32;
        let ahead = u64::from(found.occupied.rotate_right(list).trailing_zeros());
        let place = Place { level: level as u8, list: ((present + ahead) % LISTS) as u8 };
        Some((place, ((present + ahead) << shift).max(self.now)))
    }

    /// Puts an alarm on the list where it belongs at present.
    fn put(&mut self, index: u32) {
        let alarm = &mut self.alarms[index as usize];
        let tick = alarm.tick.min(self.now + FARTHEST);
        // The lowest digit makes level 0 of no difference at all.
        let differ = ((self.now ^ tick) | (LISTS - 1)).ilog2() / DIGIT;
        let level = differ.min(LEVELS as u32 - 1);
        let list = (tick >> (DIGIT * level)) % LISTS;
        let found = &mut self.levels[level as usize];
        found.occupied |= 1 << list;
        alarm.after = std::mem::replace(&mut found.lists[list as usize], index);
    }

    /// Takes the first alarm off a list.
    fn pop(&mut self, place: Place) -> Option<u32> {
        let level = &mut self.levels[usize::from(place.level)];
        let index = level.lists[usize::from(place.list)];
        let after = self.alarms.get(index as usize)?.after;
        level.lists[usize::from(place.list)] = after;
        if after == NONE {
            level.occupied &= !(1 << place.list);
        }
        Some(index)
    }

    fn give_back(&mut self, index: u32) -> Option<T> {
        let alarm = &mut self.alarms[index as usize];
        alarm.after = std::mem::replace(&mut self.free, index);
        alarm.value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;
    use std::collections::BTreeMap;

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
                    let mut fired: Vec<usize> = std::iter::from_fn(|| wheel.fire(now)).collect();
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
            let fired = wheel.fire(next);
            assert_eq!(fired.is_some(), next == 1 << 33);
        }
        assert!(looks <= LEVELS, "{looks} looks");
    }

    #[test]
    fn places_of_alarms_are_used_again() {
        let mut wheel = Wheel::new();
        for round in 0..1_000u64 {
            wheel.set(round + 1, 1);
            wheel.set(round + 1, 2);
            let fired: u32 = std::iter::from_fn(|| wheel.fire(round + 1)).sum();
            assert_eq!(fired, 3);
        }
        assert_eq!((wheel.alarms.len(), wheel.next()), (2, None));
    }
}
