//! What a player paints: many strips within some milliseconds, again for each of its pictures. Reading the screen for each strip
//! costs several times what the picture does, so the strips are gathered until the player pauses.
//!
//! Absent: everything that is drawn beside the player, which goes its own way at once (`damage.rs`).

use std::time::{Duration, Instant};

use sightline_ends::content::Area;
use x11rb::protocol::xproto::Rectangle;

/// A picture is painted when nothing has come for so long: between two strips a player copies some 100 KB.
const PAUSE: Duration = Duration::from_micros(2_500);

/// But something may be drawn there all the time: no picture is waited for longer than this. Less than a picture's time at 60 a second.
const LONGEST: Duration = Duration::from_millis(12);

/// What lies in the player's place with so much of its area is the player's: its window may be somewhat larger than the film.
const MOSTLY: (u64, u64) = (3, 4);

/// Where a player paints, and what it has painted since that was read.
#[derive(Debug)]
pub struct Player {
    place: Area,
    /// Width and height.
    screen: (u32, u32),
    strips: Option<Strips>,
}

/// Corners of a rectangle on the screen: left, top, right and bottom, the latter two exclusive.
type Corners = [u32; 4];

#[derive(Clone, Copy, Debug)]
struct Strips {
    /// Around them all.
    around: Corners,
    began: Instant,
    last: Instant,
}

impl Player {
    pub fn new(place: Area, screen: (u32, u32)) -> Player {
        Player {
            place,
            screen,
            strips: None,
        }
    }

    pub fn place(&self) -> Area {
        self.place
    }

    /// Takes what was drawn, if it is the player's.
    pub fn takes(&mut self, drawn: Rectangle, now: Instant) -> bool {
        let Area {
            x,
            y,
            width,
            height,
        } = self.place;
        let drawn = clip(drawn, self.screen);
        let place = [x, y, x + width, y + height];
        let inside = area(&meet(&drawn, &place)) * MOSTLY.1;
        if inside == 0 || inside < area(&drawn) * MOSTLY.0 {
            return false;
        }
        let before = self.strips;
        self.strips = Some(Strips {
            around: before.map_or(drawn, |strips| around(&strips.around, &drawn)),
            began: before.map_or(now, |strips| strips.began),
            last: now,
        });
        true
    }

    /// When the picture counts as painted; `None` while there is none.
    pub fn due(&self) -> Option<Instant> {
        let strips = self.strips?;
        Some((strips.last + PAUSE).min(strips.began + LONGEST))
    }

    /// Hands over where was painted, and forgets it.
    pub fn picture(&mut self) -> Option<Area> {
        let [left, top, right, bottom] = self.strips.take()?.around;
        Some(Area {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
        })
    }
}

fn clip(drawn: Rectangle, (width, height): (u32, u32)) -> Corners {
    let cut = |start: i16, length: u16, limit: u32| {
        let start = i32::from(start);
        let end = start + i32::from(length);
        let cut = |at: i32| at.clamp(0, limit as i32) as u32;
        (cut(start), cut(end))
    };
    let (left, right) = cut(drawn.x, drawn.width, width);
    let (top, bottom) = cut(drawn.y, drawn.height, height);
    [left, top, right, bottom]
}

fn area([left, top, right, bottom]: &Corners) -> u64 {
    u64::from(right.saturating_sub(*left)) * u64::from(bottom.saturating_sub(*top))
}

fn meet(a: &Corners, b: &Corners) -> Corners {
    [
        a[0].max(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].min(b[3]),
    ]
}

fn around(a: &Corners, b: &Corners) -> Corners {
    [
        a[0].min(b[0]),
        a[1].min(b[1]),
        a[2].max(b[2]),
        a[3].max(b[3]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Area = Area {
        x: 100,
        y: 50,
        width: 640,
        height: 360,
    };

    fn drawn(x: i16, y: i16, width: u16, height: u16) -> Rectangle {
        Rectangle {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn strips_become_one_picture_when_the_player_pauses() {
        let mut player = Player::new(PLACE, (1920, 1080));
        let start = Instant::now();
        assert!(player.due().is_none() && player.picture().is_none());
        for strip in 0..4 {
            let now = start + Duration::from_millis(strip);
            assert!(player.takes(drawn(100, 50 + 90 * strip as i16, 640, 90), now));
            assert_eq!(player.due(), Some(now + PAUSE));
        }
        assert_eq!(player.picture(), Some(PLACE));
        assert!(player.due().is_none());
    }

    #[test]
    fn no_picture_is_waited_for_for_ever() {
        let mut player = Player::new(PLACE, (1920, 1080));
        let start = Instant::now();
        for ms in 0..100 {
            player.takes(drawn(200, 100, 9, 9), start + Duration::from_millis(ms));
        }
        assert_eq!(player.due(), Some(start + LONGEST));
    }

    #[test]
    fn what_lies_beside_goes_its_own_way_but_for_the_rim_of_the_players_window() {
        let mut player = Player::new(PLACE, (700, 480));
        let now = Instant::now();
        assert!(!player.takes(drawn(0, 0, 90, 40), now));
        assert!(
            !player.takes(drawn(0, 0, 700, 480), now),
            "all of the screen"
        );
        assert!(!player.takes(drawn(60, 60, 80, 20), now), "half of it");
        assert!(player.due().is_none());
        assert!(player.takes(drawn(90, 40, 660, 380), now));
        let seen = Area {
            x: 90,
            y: 40,
            width: 610,
            height: 380,
        };
        assert_eq!(player.picture(), Some(seen), "on the screen");
    }
}
