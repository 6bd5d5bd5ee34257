//! Where the remote picture lies in the window, and which remote pixel a place in the window means.
//!
//! Window places are physical pixels, so that 1:1 is 1:1 on every screen.

use sightline_ends::content::{Area, Monitor};

use super::area::{self, Rect, rect};

/// A picture enlarged by a whole factor stays sharp, so a window that is up to this much larger than such a factor keeps to it.
const SNAP: f64 = 0.25;

/// Pixels at the window's edge in which the pointer pushes a 1:1 picture along.
const PUSH_ZONE: f64 = 40.0;

/// How the picture is sized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// As large as fits.
    #[default]
    Fit,
    /// One remote pixel is one pixel here.
    OneToOne,
}

/// Which monitors of the remote screen are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    #[default]
    All,
    /// The monitor with this index in the layout.
    One(usize),
}

/// What the technician chose to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    pub scale: Scale,
    pub choice: Choice,
    /// Remote pixels hidden left of and above the window at 1:1.
    pub pan: (f64, f64),
}

/// The remote rectangle `shown` fills the window rectangle `placed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    pub shown: Rect,
    pub placed: Rect,
    /// Remote pixels across and down that find no room.
    pub hidden: (u32, u32),
}

impl View {
    /// Places a picture of `canvas` pixels into `port`, the part of the window that is left for it.
    pub fn place(&self, canvas: (u32, u32), monitors: &[Monitor], port: Rect) -> Placement {
        let source = self.source(canvas, monitors);
        if area::is_empty(source) {
            return Placement {
                shown: source,
                placed: centred(port, 0, 0),
                hidden: (0, 0),
            };
        }
        match self.scale {
            Scale::Fit => fit(source, port),
            Scale::OneToOne => self.one_to_one(source, port),
        }
    }

    fn source(&self, canvas: (u32, u32), monitors: &[Monitor]) -> Rect {
        let all = rect(0, 0, canvas.0, canvas.1);
        let Choice::One(index) = self.choice else {
            return all;
        };
        let chosen = monitors.get(index).map(|monitor| monitor.area);
        chosen
            .and_then(
                |Area {
                     x,
                     y,
                     width,
                     height,
                 }| area::intersect(all, rect(x, y, width, height)),
            )
            .unwrap_or(all)
    }

    fn one_to_one(&self, source: Rect, port: Rect) -> Placement {
        let width = source.width.min(port.width);
        let height = source.height.min(port.height);
        let hidden = (source.width - width, source.height - height);
        let pan = (
            self.pan.0.round().clamp(0.0, f64::from(hidden.0)) as u32,
            self.pan.1.round().clamp(0.0, f64::from(hidden.1)) as u32,
        );
        Placement {
            shown: rect(source.x + pan.0, source.y + pan.1, width, height),
            placed: centred(port, width, height),
            hidden,
        }
    }

    /// Moves the picture by remote pixels, as far as it goes.
    pub fn pan_by(&mut self, across: f64, down: f64, hidden: (u32, u32)) {
        self.pan.0 = (self.pan.0 + across).clamp(0.0, f64::from(hidden.0));
        self.pan.1 = (self.pan.1 + down).clamp(0.0, f64::from(hidden.1));
    }

    /// The pointer went from `from` to `to` in `port`: near an edge it pushes a 1:1 picture along, so far that at the very
    /// edge the last pixel shows. Says whether the picture moved.
    pub fn push(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        port: Rect,
        hidden: (u32, u32),
    ) -> bool {
        if self.scale == Scale::Fit {
            return false;
        }
        let before = self.pan;
        let (left, top) = (f64::from(port.x), f64::from(port.y));
        let (right, bottom) = (
            left + f64::from(port.width) - 1.0,
            top + f64::from(port.height) - 1.0,
        );
        pushed(
            &mut self.pan.0,
            f64::from(hidden.0),
            (from.0, to.0),
            (left, right),
        );
        pushed(
            &mut self.pan.1,
            f64::from(hidden.1),
            (from.1, to.1),
            (top, bottom),
        );
        self.pan != before
    }
}

fn pushed(pan: &mut f64, hidden: f64, (from, to): (f64, f64), (low, high): (f64, f64)) {
    // The share of the way to the edge that this move went is the share of what is still hidden that appears.
    let share = |distance_before: f64, distance: f64| {
        let before = distance_before.clamp(0.0, PUSH_ZONE);
        let now = distance.clamp(0.0, PUSH_ZONE);
        if now >= before {
            0.0
        } else {
            1.0 - now / before
        }
    };
    *pan = pan.clamp(0.0, hidden);
    *pan -= *pan * share(from - low, to - low);
    *pan += (hidden - *pan) * share(high - from, high - to);
}

fn fit(source: Rect, port: Rect) -> Placement {
    let across = f64::from(port.width) / f64::from(source.width.max(1));
    let down = f64::from(port.height) / f64::from(source.height.max(1));
    let mut factor = across.min(down);
    if factor >= 1.0 && factor - factor.floor() < SNAP {
        factor = factor.floor();
    }
    let scaled = |length: u32, room: u32| {
        ((f64::from(length) * factor).round() as u32).clamp(room.min(1), room)
    };
    let width = scaled(source.width, port.width);
    let height = scaled(source.height, port.height);
    Placement {
        shown: source,
        placed: centred(port, width, height),
        hidden: (0, 0),
    }
}

fn centred(port: Rect, width: u32, height: u32) -> Rect {
    rect(
        port.x + (port.width - width) / 2,
        port.y + (port.height - height) / 2,
        width,
        height,
    )
}

impl Placement {
    /// Nothing to show, or no room for it.
    pub fn is_empty(&self) -> bool {
        area::is_empty(self.shown) || area::is_empty(self.placed)
    }

    /// Window pixels that one remote pixel takes, across and down.
    pub fn factor(&self) -> (f64, f64) {
        (
            f64::from(self.placed.width) / f64::from(self.shown.width.max(1)),
            f64::from(self.placed.height) / f64::from(self.shown.height.max(1)),
        )
    }

    /// The remote pixel at a place in the window; from outside the picture, the nearest one on its edge. In a picture
    /// that is shrunk the first and the last pixel of the window mean the first and the last remote one: corners and
    /// scroll bars at the screen's edge must be within reach.
    pub fn to_remote(&self, x: f64, y: f64) -> (i32, i32) {
        let along = |at: f64, placed: u32, length: u32, shown: u32, origin: u32| {
            let (at, last) = (at - f64::from(placed), f64::from(shown.max(1) - 1));
            let pixel = if length < shown {
                (at * last / f64::from(length.max(2) - 1)).round()
            } else {
                (at * f64::from(shown) / f64::from(length.max(1))).floor()
            };
            origin as i32 + pixel.clamp(0.0, last) as i32
        };
        let (shown, placed) = (self.shown, self.placed);
        (
            along(x, placed.x, placed.width, shown.width, shown.x),
            along(y, placed.y, placed.height, shown.height, shown.y),
        )
    }

    /// The place in the window of a remote pixel's centre; may lie outside the picture.
    pub fn to_window(&self, x: i32, y: i32) -> (f64, f64) {
        let factor = self.factor();
        let along = |at: i32, origin: u32, factor: f64, placed: u32| {
            f64::from(placed) + (f64::from(at) - f64::from(origin) + 0.5) * factor
        };
        (
            along(x, self.shown.x, factor.0, self.placed.x),
            along(y, self.shown.y, factor.1, self.placed.y),
        )
    }

    /// The window pixels on which a change of these remote pixels shows.
    pub fn damaged(&self, changed: Rect) -> Option<Rect> {
        let seen = area::intersect(changed, self.shown)?;
        let (shown, placed) = (self.shown, self.placed);
        let (x, width) = spread(seen.x - shown.x, seen.width, shown.width, placed.width);
        let (y, height) = spread(seen.y - shown.y, seen.height, shown.height, placed.height);
        area::intersect(placed, rect(placed.x + x, placed.y + y, width, height))
    }
}

/// Which of `placed` pixels depend on `length` of `shown` pixels from `start`.
fn spread(start: u32, length: u32, shown: u32, placed: u32) -> (u32, u32) {
    if placed.is_multiple_of(shown) {
        let factor = placed / shown;
        return (start * factor, length * factor);
    }
    // A filter reaches one source pixel beyond its own, and one more covers what rounding does.
    let (shown, placed) = (u64::from(shown), u64::from(placed));
    let low = u64::from(start).saturating_sub(1) * placed / shown;
    let high = (u64::from(start) + u64::from(length) + 1) * placed / shown + 2;
    let low = low.saturating_sub(1);
    (low as u32, (high.min(placed) - low) as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn monitors() -> Vec<Monitor> {
        let monitor = |x, width| Monitor {
            name: String::new(),
            area: Area {
                x,
                y: 0,
                width,
                height: 600,
            },
            primary: x == 0,
        };
        vec![monitor(0, 800), monitor(800, 700)]
    }

    fn any_view() -> impl Strategy<Value = View> {
        let scale = prop_oneof![Just(Scale::Fit), Just(Scale::OneToOne)];
        let choice = prop_oneof![Just(Choice::All), (0usize..3).prop_map(Choice::One)];
        (scale, choice, 0.0..2000.0, 0.0..2000.0).prop_map(|(scale, choice, x, y)| View {
            scale,
            choice,
            pan: (x, y),
        })
    }

    proptest! {
        #[test]
        fn a_remote_pixel_leads_to_the_window_and_back(
            view in any_view(), width in 1u32..3000, height in 1u32..2000,
            port in (0u32..50, 0u32..50, 1u32..3000, 1u32..2000), at in (0.0..1.0, 0.0..1.0),
        ) {
            let port = rect(port.0, port.1, port.2, port.3);
            let placement = view.place((width, height), &monitors(), port);
            prop_assert!(area::intersect(port, placement.placed) == Some(placement.placed));
            let shown = placement.shown;
            prop_assert!(area::intersect(rect(0, 0, width, height), shown) == Some(shown));
            let x = shown.x as i32 + (f64::from(shown.width) * at.0) as i32;
            let y = shown.y as i32 + (f64::from(shown.height) * at.1) as i32;
            let (wx, wy) = placement.to_window(x, y);
            let back = placement.to_remote(wx, wy);
            // Remote pixels that share a pixel of the window cannot be told apart.
            let share = |shown: u32, placed: u32| (shown - 1) / placed;
            let apart = (share(shown.width, placement.placed.width), share(shown.height, placement.placed.height));
            prop_assert!(back.0.abs_diff(x) <= apart.0 && back.1.abs_diff(y) <= apart.1, "{:?} {:?}", back, (x, y));
        }

        #[test]
        fn every_place_in_the_window_means_a_pixel_that_is_shown(
            view in any_view(), width in 1u32..3000, height in 1u32..2000, x in -5e3..5e3, y in -5e3..5e3,
        ) {
            let placement = view.place((width, height), &monitors(), rect(0, 28, 1280, 772));
            let (x, y) = placement.to_remote(x, y);
            prop_assert!(area::contains(placement.shown, f64::from(x), f64::from(y)));
        }
    }

    #[test]
    fn edges_of_a_shrunk_picture_are_within_reach() {
        let placement = View::default().place((1920, 1080), &[], rect(0, 28, 700, 500));
        let placed = placement.placed;
        let (right, bottom) = (placed.x + placed.width - 1, placed.y + placed.height - 1);
        assert_eq!(
            placement.to_remote(placed.x.into(), placed.y.into()),
            (0, 0)
        );
        assert_eq!(
            placement.to_remote(right.into(), bottom.into()),
            (1919, 1079)
        );
    }

    #[test]
    fn one_to_one_keeps_pixels_and_is_centred() {
        let view = View {
            scale: Scale::OneToOne,
            ..View::default()
        };
        let placement = view.place((100, 50), &[], rect(0, 28, 200, 172));
        assert_eq!(placement.placed, rect(50, 28 + 61, 100, 50));
        assert_eq!(placement.to_remote(50.0, 89.0), (0, 0));
        assert_eq!(placement.to_remote(149.9, 138.9), (99, 49));
    }

    #[test]
    fn a_window_a_little_too_large_keeps_pixels_sharp() {
        let placement = View::default().place((1000, 500), &[], rect(0, 0, 1200, 600));
        assert_eq!(placement.placed, rect(100, 50, 1000, 500));
        let placement = View::default().place((1000, 500), &[], rect(0, 0, 2100, 1200));
        assert_eq!(placement.placed, rect(50, 100, 2000, 1000));
    }

    #[test]
    fn the_pointer_at_the_edge_shows_the_last_pixel() {
        let port = rect(0, 0, 400, 300);
        let mut view = View {
            scale: Scale::OneToOne,
            ..View::default()
        };
        let hidden = view.place((1000, 900), &[], port).hidden;
        assert_eq!(hidden, (600, 600));
        for x in 200..400 {
            view.push(
                (f64::from(x - 1), 150.0),
                (f64::from(x), 150.0),
                port,
                hidden,
            );
        }
        assert_eq!(view.pan, (600.0, 0.0));
        assert!(
            !view.push((399.0, 150.0), (200.0, 150.0), port, hidden),
            "the way back does not push"
        );
        view.push((200.0, 150.0), (0.0, 150.0), port, hidden);
        assert_eq!(view.pan, (0.0, 0.0));
    }

    #[test]
    fn before_the_first_picture_there_is_nothing_to_place() {
        for view in [
            View::default(),
            View {
                scale: Scale::OneToOne,
                ..View::default()
            },
        ] {
            let placement = view.place((0, 0), &monitors(), rect(0, 28, 1280, 772));
            assert!(placement.is_empty());
            assert_eq!(placement.to_remote(5.0, 5.0), (0, 0));
            assert_eq!(placement.damaged(rect(0, 0, 9, 9)), None);
        }
    }

    #[test]
    fn a_chosen_monitor_alone_is_shown() {
        let view = View {
            choice: Choice::One(1),
            ..View::default()
        };
        let placement = view.place((1500, 600), &monitors(), rect(0, 0, 700, 600));
        assert_eq!(placement.shown, rect(800, 0, 700, 600));
        assert_eq!(placement.to_remote(0.0, 0.0), (800, 0));
        let gone = View {
            choice: Choice::One(7),
            ..View::default()
        };
        assert_eq!(
            gone.place((1500, 600), &monitors(), rect(0, 0, 700, 600))
                .shown
                .width,
            1500
        );
    }
}
