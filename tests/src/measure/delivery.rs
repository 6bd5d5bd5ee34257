//! From what was drawn and what was seen: how much of it came, how late, and how old the picture was meanwhile.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::Samples;
use super::marks::Seen;
use crate::workload::{Step, mark};

/// Between two moments at which the picture's age is taken.
const MOMENT: Duration = Duration::from_millis(1);

#[derive(Clone, Debug, Default)]
pub struct Delivery {
    pub drawn: usize,
    /// Steps that showed.
    pub shown: usize,
    /// From each step to when it, or a later one, showed. What never showed is not in it, but in `lost`.
    pub delay: Samples,
    /// Steps after which nothing new showed.
    pub lost: usize,
    /// At every moment: for how long the screen had been another than the one shown.
    pub age: Samples,
}

impl Delivery {
    /// Both in the order in which they happened. The age is taken from the first step until `until`.
    pub fn judge(steps: &[Step], seen: &[Seen], until: Instant) -> Delivery {
        let seen = &resolve(steps, seen);
        let numbers: BTreeSet<u32> = steps.iter().map(|step| step.number).collect();
        let shown: BTreeSet<u32> = seen.iter().map(|seen| seen.number).collect();
        let mut delivery = Delivery {
            drawn: steps.len(),
            shown: numbers.intersection(&shown).count(),
            ..Delivery::default()
        };
        for step in steps {
            let there = |seen: &&Seen| seen.number >= step.number && seen.at >= step.at;
            match seen.iter().find(there) {
                Some(seen) => delivery.delay.add(seen.at - step.at),
                None => delivery.lost += 1,
            }
        }
        delivery.add_ages(steps, seen, until);
        delivery
    }

    fn add_ages(&mut self, steps: &[Step], seen: &[Seen], until: Instant) {
        let Some(first) = steps.first() else {
            return;
        };
        let (mut now, mut newest, mut looked, mut next) = (first.at, 0, 0, 0);
        while now < until {
            while let Some(seen) = seen.get(looked).filter(|seen| seen.at <= now) {
                newest = newest.max(seen.number);
                looked += 1;
            }
            while steps.get(next).is_some_and(|step| step.number <= newest) {
                next += 1;
            }
            let missing = steps.get(next).filter(|step| step.at <= now);
            let age = missing.map_or(Duration::ZERO, |step| now - step.at);
            self.age.add(age);
            now += MOMENT;
        }
    }
}

/// Whole numbers for those that were read. Nothing shows before it is drawn, so what would be from the future is left
/// out: it was misread, as a lossy picture may be.
fn resolve(steps: &[Step], seen: &[Seen]) -> Vec<Seen> {
    let (mut newest, mut steps) = (0, steps.iter().peekable());
    let mut resolved = Vec::new();
    for seen in seen {
        while let Some(step) = steps.next_if(|step| step.at <= seen.at) {
            newest = step.number;
        }
        if let Some(number) = mark::step(seen.number, newest) {
            resolved.push(Seen { number, ..*seen });
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overtaken_and_lost_steps_are_counted_and_ages_grow_until_something_shows() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let step = |number, at| Step {
            number,
            at: start + ms(at),
        };
        let see = |number, at| Seen {
            number,
            at: start + ms(at),
        };
        let steps = [step(1, 0), step(2, 10), step(3, 20), step(4, 90)];
        // What says 7 was misread.
        let seen = [see(0, 0), see(1, 5), see(7, 30), see(3, 50)];
        let delivery = Delivery::judge(&steps, &seen, start + ms(100));
        assert_eq!((delivery.drawn, delivery.shown, delivery.lost), (4, 2, 1));
        // 5 ms for the first, 40 for the second, which the third overtook, 30 for the third.
        assert_eq!(delivery.delay.percentile(1), ms(5));
        assert_eq!(delivery.delay.percentile(100), ms(40));
        // Oldest just before the third shows: then the second has been missing for 39 ms.
        assert_eq!(delivery.age.percentile(100), ms(39));
        assert_eq!(delivery.age.percentile(40), ms(0));
    }
}
