//! Every check on its seeds, on mutations of them, and on inputs that once broke something.

use std::time::{Duration, Instant};

use sightline_oracles::{ALL, Oracle};

/// Time for the mutations of one check: all of them together stay below five seconds.
const EACH: Duration = Duration::from_millis(250);
/// Mutations of one check at most.
const MOST: usize = 5_000;

/// A short generator (xorshift64*): the same mutations at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

/// Numbers at which lengths and counts break.
const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, 0x40, 0x3f, 2];

fn mutate(data: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(data.len());
        match random.below(8) {
            _ if data.is_empty() => data.push(EDGES[random.below(EDGES.len())]),
            0 | 1 => data[at] ^= 1 << random.below(8),
            2 => data[at] = EDGES[random.below(EDGES.len())],
            3 => data.truncate(at),
            4 => data.insert(at, random.below(256) as u8),
            5 => {
                let end = (at + 1 + random.below(8)).min(data.len());
                data.drain(at..end);
            }
            6 => {
                let end = (at + 1 + random.below(64)).min(data.len());
                let part = data[at..end].to_vec();
                let to = random.below(data.len());
                data.splice(to..to, part);
            }
            _ => {
                let other = &others[random.below(others.len())];
                let from = random.below(other.len());
                data.truncate(at);
                data.extend_from_slice(&other[from.min(other.len())..]);
            }
        }
    }
}

fn run(oracle: &Oracle) -> usize {
    let seeds = (oracle.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", oracle.name);
    (oracle.check)(&[]);
    for seed in &seeds {
        (oracle.check)(seed);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let until = Instant::now() + EACH;
    let mut done = 0;
    while done < MOST && Instant::now() < until {
        let mut data = seeds[random.below(seeds.len())].clone();
        mutate(&mut data, &seeds, &mut random);
        (oracle.check)(&data);
        done += 1;
    }
    done
}

#[test]
fn nothing_that_a_stranger_sends_breaks_a_promise() {
    for oracle in ALL {
        let done = run(oracle);
        println!("{:20} {done:5} mutations", oracle.name);
        assert!(done > 0);
    }
}
