//! Where the panels are: one at the right of the picture, one below it. They take room from the picture, so that nothing
//! of it is hidden.

use super::Panel;
use crate::pure::area::{Rect, contains, is_empty, rect};

/// Sizes at first, in points: a narrow column to read, and some twenty lines of a terminal.
const RIGHT: f64 = 340.0;
const BELOW: f64 = 300.0;
/// Smallest sizes, in points: a line of words, a few lines of a terminal.
const LEAST_RIGHT: f64 = 220.0;
const LEAST_BELOW: f64 = 120.0;
/// The share of the window that a panel takes at most; and as long as nobody has drawn it wider.
const LARGEST: f64 = 0.75;
const LARGEST_AT_FIRST: f64 = 0.5;
/// How far from a panel's edge it can be taken to draw it wider, in points.
const GRIP: f64 = 5.0;

/// An edge that can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Right,
    Below,
}

/// Which panels are open, and how large they are wished to be, in points.
#[derive(Clone, Debug, PartialEq)]
pub struct Dock {
    right: Option<Panel>,
    below: Option<Panel>,
    width: f64,
    height: f64,
    /// A person has drawn this edge: right, below.
    drawn: (bool, bool),
}

/// Places in the window, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    pub picture: Rect,
    pub right: Rect,
    pub below: Rect,
}

impl Places {
    pub fn of(&self, panel: Panel) -> Rect {
        match panel.edge() {
            Edge::Right => self.right,
            Edge::Below => self.below,
        }
    }
}

impl Default for Dock {
    fn default() -> Dock {
        Dock {
            right: None,
            below: None,
            width: RIGHT,
            height: BELOW,
            drawn: (false, false),
        }
    }
}

impl Dock {
    fn side(&mut self, panel: Panel) -> &mut Option<Panel> {
        match panel.edge() {
            Edge::Right => &mut self.right,
            Edge::Below => &mut self.below,
        }
    }

    /// Opens it, in the place of another at its side.
    pub fn open(&mut self, panel: Panel) {
        *self.side(panel) = Some(panel);
    }

    pub fn close(&mut self, panel: Panel) {
        self.side(panel).take_if(|open| *open == panel);
    }

    pub fn is_open(&self, panel: Panel) -> bool {
        self.shown().any(|open| open == panel)
    }

    pub fn shown(&self) -> impl Iterator<Item = Panel> + use<> {
        [self.right, self.below].into_iter().flatten()
    }

    /// Divides `room`. A window that is small gives its panels less than they wish.
    pub fn places(&self, room: Rect, scale: f64) -> Places {
        let share = |wish: f64, least: f64, all: u32, drawn: bool| {
            let largest = if drawn { LARGEST } else { LARGEST_AT_FIRST };
            let most = f64::from(all) * largest;
            (wish.max(least) * scale).min(most).round() as u32
        };
        let width = match self.right {
            Some(_) => share(self.width, LEAST_RIGHT, room.width, self.drawn.0),
            None => 0,
        };
        let height = match self.below {
            Some(_) => share(self.height, LEAST_BELOW, room.height, self.drawn.1),
            None => 0,
        };
        let (left, above) = (room.width - width, room.height - height);
        Places {
            picture: rect(room.x, room.y, left, above),
            right: rect(room.x + left, room.y, width, room.height),
            below: rect(room.x, room.y + above, left, height),
        }
    }

    /// The edge at this place of the window, that a button takes hold of.
    pub fn edge_at(&self, places: &Places, scale: f64, x: f64, y: f64) -> Option<Edge> {
        let near = |edge: u32, at: f64| (at - f64::from(edge)).abs() <= GRIP * scale;
        let right = places.right;
        let in_height = contains(rect(0, right.y, u32::MAX, right.height), x, y);
        if !is_empty(right) && in_height && near(right.x, x) {
            return Some(Edge::Right);
        }
        let below = places.below;
        let in_width = contains(rect(below.x, 0, below.width, u32::MAX), x, y);
        (!is_empty(below) && in_width && near(below.y, y)).then_some(Edge::Below)
    }

    /// An edge is drawn to this place of the window, whose panels have all of `room`.
    pub fn draw(&mut self, edge: Edge, room: Rect, scale: f64, x: f64, y: f64) {
        let most = |all: u32| f64::from(all) * LARGEST / scale;
        let (right, bottom) = (room.x + room.width, room.y + room.height);
        match edge {
            Edge::Right => {
                self.drawn.0 = true;
                let wish = (f64::from(right) - x) / scale;
                self.width = wish.min(most(room.width)).max(LEAST_RIGHT);
            }
            Edge::Below => {
                self.drawn.1 = true;
                let wish = (f64::from(bottom) - y) / scale;
                self.height = wish.min(most(room.height)).max(LEAST_BELOW);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Rect = Rect {
        x: 0,
        y: 28,
        width: 1200,
        height: 772,
    };

    #[test]
    fn panels_take_room_from_the_picture_and_from_nothing_else() {
        let mut dock = Dock::default();
        assert_eq!(dock.places(ROOM, 1.0).picture, ROOM);
        dock.open(Panel::Chat);
        dock.open(Panel::Terminal);
        let places = dock.places(ROOM, 1.0);
        assert_eq!(places.picture, rect(0, 28, 860, 472));
        assert_eq!(places.right, rect(860, 28, 340, 772));
        assert_eq!(places.below, rect(0, 500, 860, 300));
        // At twice the density the same is twice as many pixels.
        assert_eq!(dock.places(rect(0, 56, 2400, 1544), 2.0).right.width, 680);
        // A window that is too small keeps half of each length for the picture, or what a person leaves of it.
        assert_eq!(
            dock.places(rect(0, 28, 200, 100), 1.0).picture,
            rect(0, 28, 100, 50)
        );
    }

    #[test]
    fn one_panel_at_a_side() {
        let mut dock = Dock::default();
        dock.open(Panel::Chat);
        dock.open(Panel::Facts);
        assert!(dock.is_open(Panel::Facts) && !dock.is_open(Panel::Chat));
        dock.close(Panel::Chat);
        assert!(dock.is_open(Panel::Facts));
        dock.close(Panel::Facts);
        assert_eq!(dock.shown().count(), 0);
    }

    #[test]
    fn edges_are_drawn_within_bounds() {
        let mut dock = Dock::default();
        dock.open(Panel::Chat);
        dock.open(Panel::Terminal);
        let places = dock.places(ROOM, 1.0);
        assert_eq!(dock.edge_at(&places, 1.0, 862.0, 300.0), Some(Edge::Right));
        assert_eq!(dock.edge_at(&places, 1.0, 400.0, 497.0), Some(Edge::Below));
        assert_eq!(dock.edge_at(&places, 1.0, 400.0, 300.0), None);
        assert_eq!(dock.edge_at(&places, 1.0, 862.0, 10.0), None, "in the bar");
        dock.draw(Edge::Right, ROOM, 1.0, 700.0, 0.0);
        dock.draw(Edge::Below, ROOM, 1.0, 0.0, 600.0);
        let places = dock.places(ROOM, 1.0);
        assert_eq!((places.right.width, places.below.height), (500, 200));
        dock.draw(Edge::Right, ROOM, 1.0, -500.0, 0.0);
        dock.draw(Edge::Below, ROOM, 1.0, 0.0, 5_000.0);
        let places = dock.places(ROOM, 1.0);
        assert_eq!((places.right.width, places.below.height), (900, 120));
    }
}
