//! What moves, and where video pays: a rectangle whose photos have changed again and again for a while.
//!
//! Judged by time, not by counting updates: players paint a picture in strips, and a slow line makes updates rare.

use crate::Rect;
use crate::grid::{Dirt, Grid};

/// A pause longer than this ends a movement: the slowest film that still looks like one has four pictures a second. In
/// microseconds, as all times here.
const PAUSE_US: u64 = 400_000;

/// How many times the time between two updates may be a pause: on a slow line updates themselves are rare.
const PAUSE_UPDATES: u64 = 3;

/// A photo that changed once or twice and then not for so long has probably come to rest.
const CALM_US: u64 = 150_000;

/// Movement for so long is video. A window that is opened and a page that is turned are over, and each picture of a film before that costs
/// ten of its video.
const LASTING_US: u64 = 200_000;

/// And with so many changes at least.
const CHANGES: u32 = 4;

/// Fewest tiles for video: about 256×192 pixels. Less is cheaper as sketches.
const TILES: usize = 12;

/// Between two choices of the rectangle: each new one costs a picture that needs no earlier one.
const SETTLE_US: u64 = 1_000_000;

/// How much of the rectangle must move to become video, and to remain it: a person who speaks moves a third of the picture.
const FILLED: (u64, u64) = (1, 2);
const STILL_FILLED: (u64, u64) = (1, 8);

/// The movement in a tile.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    /// When it began.
    since_us: u64,
    last_us: u64,
    changes: u32,
    /// All pixels that changed.
    area: Dirt,
}

/// The movements of a screen.
pub(crate) struct Motion {
    tracks: Vec<Track>,
    /// When the last update was made, and how long after the one before.
    updated_us: u64,
    between_us: u64,
    /// When anything last moved.
    noted_us: Option<u64>,
    video: Option<Rect>,
    chosen_us: u64,
}

/// Tiles that move side by side.
struct Group {
    tiles: usize,
    /// Around the pixels that changed.
    rect: Rect,
    /// How many they are.
    area: u64,
}

impl Motion {
    pub(crate) fn new(grid: &Grid) -> Motion {
        Motion {
            tracks: vec![Track::default(); grid.count() as usize],
            updated_us: 0,
            between_us: 0,
            noted_us: None,
            video: None,
            chosen_us: 0,
        }
    }

    /// An update is being made.
    pub(crate) fn begin(&mut self, now_us: u64) {
        if now_us == self.updated_us {
            return; // the second half of an update
        }
        self.between_us = now_us.saturating_sub(self.updated_us).min(4 * PAUSE_US);
        self.updated_us = now_us;
    }

    fn pause_us(&self) -> u64 {
        PAUSE_US.max(PAUSE_UPDATES * self.between_us)
    }

    /// Photos changed in a tile.
    pub(crate) fn note(&mut self, tile: u32, dirt: &Dirt, now_us: u64) {
        let pause_us = self.pause_us();
        let track = &mut self.tracks[tile as usize];
        if now_us.saturating_sub(track.last_us) > pause_us || track.changes == 0 {
            *track = Track {
                since_us: now_us,
                ..Track::default()
            };
        }
        track.last_us = now_us;
        track.changes = track.changes.saturating_add(1);
        track.area.join(dirt);
        self.noted_us = Some(now_us);
    }

    /// A tile in which photos changed before has changed again, and waits for its turn to be said.
    pub(crate) fn go_on(&mut self, tile: u32, dirt: &Dirt, now_us: u64) {
        if self.tracks[tile as usize].changes > 0 {
            self.note(tile, dirt, now_us);
        }
    }

    /// Whether photos have changed in the tile a moment ago, so that it may well go on.
    pub(crate) fn is_restless(&self, tile: u32, now_us: u64) -> bool {
        let track = &self.tracks[tile as usize];
        track.changes > 0 && now_us.saturating_sub(track.last_us) <= self.pause_us()
    }

    /// Whether nothing has moved in the tile for so long that its exact pixels are worth their bytes.
    pub(crate) fn is_calm(&self, tile: u32, now_us: u64) -> bool {
        let track = &self.tracks[tile as usize];
        let calm_us = if track.changes < CHANGES {
            CALM_US
        } else {
            self.pause_us()
        };
        track.changes == 0 || now_us.saturating_sub(track.last_us) >= calm_us
    }

    fn moves(&self, tile: u32, now_us: u64) -> bool {
        let track = &self.tracks[tile as usize];
        track.changes >= CHANGES
            && track.last_us - track.since_us >= LASTING_US
            && self.is_restless(tile, now_us)
    }

    /// The rectangle that is video now. It stays as it is while it can.
    pub(crate) fn video(&mut self, grid: &Grid, now_us: u64) -> Option<Rect> {
        let settled = now_us.saturating_sub(self.chosen_us) >= SETTLE_US;
        if self.video.is_some() && !settled {
            return self.video;
        }
        let noted = self.noted_us.map(|noted| now_us.saturating_sub(noted));
        let largest = match noted {
            Some(since_us) if since_us <= self.pause_us() => self.largest(grid, now_us),
            _ => None,
        };
        let filled = |group: &Group, rect: &Rect, (part, whole): (u64, u64)| {
            group.area * whole >= rect.area() * part
        };
        let best = largest.filter(|group| group.tiles >= TILES);
        let chosen = match (self.video, best) {
            (Some(old), Some(group)) => {
                let both = old.around(&group.rect);
                if filled(&group, &old, STILL_FILLED) && old.contains(&group.rect) {
                    Some(old)
                } else if old.intersects(&group.rect) && filled(&group, &both, FILLED) {
                    Some(both)
                } else {
                    Some(group.rect).filter(|rect| filled(&group, rect, FILLED))
                }
            }
            (None, Some(group)) => Some(group.rect).filter(|rect| filled(&group, rect, FILLED)),
            (_, None) => None,
        };
        if chosen != self.video {
            self.video = chosen;
            self.chosen_us = now_us;
        }
        self.video
    }

    /// The largest group of moving tiles.
    fn largest(&self, grid: &Grid, now_us: u64) -> Option<Group> {
        let mut moving: Vec<bool> = (0..grid.count())
            .map(|tile| self.moves(tile, now_us))
            .collect();
        let mut largest: Option<Group> = None;
        let mut reached = Vec::new();
        for first in 0..grid.count() {
            if !std::mem::take(&mut moving[first as usize]) {
                continue;
            }
            reached.push(first);
            let mut group: Option<Group> = None;
            while let Some(tile) = reached.pop() {
                let area = self.tracks[tile as usize].area;
                let rect = area.on(&grid.tile(tile));
                let so_far = group.get_or_insert(Group {
                    tiles: 0,
                    rect,
                    area: 0,
                });
                so_far.tiles += 1;
                so_far.rect = so_far.rect.around(&rect);
                so_far.area += u64::from(area.area());
                for neighbour in grid.neighbours(tile) {
                    if std::mem::take(&mut moving[neighbour as usize]) {
                        reached.push(neighbour);
                    }
                }
            }
            let tiles = |group: &Option<Group>| group.as_ref().map_or(0, |group| group.tiles);
            if tiles(&group) > tiles(&largest) {
                largest = group;
            }
        }
        largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Dirt {
        let mut dirt = Dirt::default();
        dirt.add(0, 0, 64);
        dirt.add(63, 0, 64);
        dirt
    }

    /// Tiles of `columns` × `rows` from the top left change every `every_us` for `for_us`; the video at the end.
    fn run(columns: u32, rows: u32, every_us: u64, for_us: u64) -> Option<Rect> {
        let grid = Grid::new(1920, 1080);
        let mut motion = Motion::new(&grid);
        let mut video = None;
        for now in (1..for_us).step_by(every_us as usize) {
            motion.begin(now);
            video = motion.video(&grid, now);
            for tile in (0..rows).flat_map(|y| (0..columns).map(move |x| y * grid.columns() + x)) {
                motion.note(tile, &full(), now);
            }
        }
        video
    }

    #[test]
    fn what_lasts_is_video_and_nothing_else_is() {
        let rect = Rect {
            x: 0,
            y: 0,
            width: 640,
            height: 384,
        };
        assert_eq!(run(10, 6, 33_000, 1_000_000), Some(rect));
        assert_eq!(run(10, 6, 16_000, 1_000_000), Some(rect));
        assert_eq!(run(10, 6, 700_000, 6_000_000), Some(rect), "a slow line");
        assert_eq!(run(10, 6, 33_000, 180_000), None, "too short");
        assert_eq!(run(3, 2, 33_000, 1_000_000), None, "too small");
    }

    #[test]
    fn it_ends_with_the_movement_and_keeps_its_place_meanwhile() {
        let grid = Grid::new(1920, 1080);
        let mut motion = Motion::new(&grid);
        let mut seen = Vec::new();
        for step in 1..200u64 {
            let now = step * 33_000;
            motion.begin(now);
            let video = motion.video(&grid, now);
            if seen.last() != Some(&video) {
                seen.push(video);
            }
            // Six rows of ten tiles, of which every other second only three move.
            let rows = if step / 60 % 2 == 0 { 6 } else { 3 };
            if step < 150 {
                for tile in (0..rows).flat_map(|y| (0..10).map(move |x| y * grid.columns() + x)) {
                    motion.note(tile, &full(), now);
                }
            }
        }
        let rect = Rect {
            x: 0,
            y: 0,
            width: 640,
            height: 384,
        };
        assert_eq!(seen, [None, Some(rect), None]);
    }
}
