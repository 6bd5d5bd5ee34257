//! Keys typed into a terminal at a person's pace, on a line where an echo takes longer than the next key does.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{Chance, Samples};
use crate::glass::Glass;

/// What runs in the terminal: each key comes back, and nothing else.
pub const ECHO: &str = "stty raw -echo; printf ready; exec cat";
/// Milliseconds between two keys: eight a second, some faster, some slower.
const GAP_MS: (u64, u64) = (60, 190);
/// How often the screen is looked at.
const LOOK: Duration = Duration::from_micros(500);
/// For the program to start over there, and for the last echo.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long each key took to its echo on the screen. The glass shows a terminal that runs [`ECHO`].
pub fn type_on(glass: &mut Glass, presses: usize, chance: &mut Chance) -> anyhow::Result<Samples> {
    glass.wait("ready", PATIENCE)?;
    let count = |glass: &Glass| glass.text().bytes().filter(|&byte| byte == b'x').count();
    let before = count(glass);
    let (mut echo, mut pressed) = (Samples::default(), Vec::new());
    let mut next = Instant::now();
    while echo.count() < presses {
        let now = Instant::now();
        if pressed.len() < presses && now >= next {
            glass.keys("x")?;
            pressed.push(now);
            next = now + chance.between_ms(GAP_MS.0, GAP_MS.1);
        }
        // Keys are echoed in their order: so many on the screen are the first ones.
        for at in pressed
            .iter()
            .take(count(glass) - before)
            .skip(echo.count())
        {
            echo.add(at.elapsed());
        }
        let waits = pressed
            .get(echo.count())
            .map_or(Duration::ZERO, Instant::elapsed);
        ensure!(waits < PATIENCE, "a key has no echo");
        std::thread::sleep(LOOK);
    }
    Ok(echo)
}
