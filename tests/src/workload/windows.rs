//! Windows over a photo: dragged, and brought to the front in turn.

use x11rb::protocol::xproto::Window;

use super::Work;
use super::desktop::{Fonts, PANEL, editor, form, letter, wallpaper};
use super::screen::Screen;

/// Steps for which one window is dragged, before it is another's turn.
const TURN: u32 = 90;

pub struct Dragging {
    /// Each with the room it has: how far it can go to the right and down.
    windows: [(Window, f64, f64); 3],
}

impl Dragging {
    pub fn open(screen: &mut Screen, seed: u64) -> anyhow::Result<Dragging> {
        let mut fonts = Fonts::open()?;
        let (width, height) = (screen.width, screen.height);
        screen.behind(&wallpaper(width, height, seed, &mut fonts))?;
        let contents = [
            letter(width / 3, height / 2, seed, &mut fonts),
            form(width / 4, height / 3, seed, &mut fonts),
            editor(width * 5 / 12, height * 3 / 5, seed, &mut fonts),
        ];
        let mut windows = [(0, 0.0, 0.0); 3];
        for (n, content) in contents.iter().enumerate() {
            let right = f64::from(width - content.width);
            let down = f64::from(height - content.height - PANEL);
            let (x, y) = place(n, 0, right, down);
            windows[n] = (screen.show(x, y, content)?, right, down);
        }
        Ok(Dragging { windows })
    }
}

/// Where a hand drags a window to within the room it has: slow at the turns, and up to some 30 pixels a step between.
fn place(window: usize, step: u32, right: f64, down: f64) -> (i32, i32) {
    let (step, phase) = (f64::from(step), window as f64 * 1.7);
    let x = right * (0.5 + 0.5 * (step * 0.037 + phase).sin());
    let y = down * (0.5 + 0.5 * (step * 0.023 + phase * 2.0).sin());
    (x as i32, y as i32 + PANEL as i32)
}

impl Work for Dragging {
    fn step(&mut self, screen: &mut Screen, number: u32) -> anyhow::Result<()> {
        let turn = number / TURN;
        let which = (turn as usize + 2) % self.windows.len();
        let (window, right, down) = self.windows[which];
        if number.is_multiple_of(TURN) {
            screen.raise(window)?;
        }
        // A window goes on from where it was left.
        let before = turn / self.windows.len() as u32 * TURN;
        let (x, y) = place(which, before + number % TURN, right, down);
        screen.move_window(window, x, y)
    }
}

pub struct Switching {
    windows: Vec<Window>,
}

impl Switching {
    pub fn open(screen: &mut Screen, seed: u64) -> anyhow::Result<Switching> {
        let mut fonts = Fonts::open()?;
        let (width, height) = (screen.width, screen.height);
        screen.behind(&wallpaper(width, height, seed, &mut fonts))?;
        let (across, down) = (width * 4 / 5, height * 4 / 5);
        let contents = [
            editor(across, down, seed, &mut fonts),
            letter(across * 7 / 8, down, seed, &mut fonts),
            form(across / 2, down / 2, seed, &mut fonts),
        ];
        let mut windows = Vec::new();
        for (n, content) in contents.iter().enumerate() {
            let shift = 40 * n as i32;
            windows.push(screen.show(shift + 20, shift + 40, content)?);
        }
        Ok(Switching { windows })
    }
}

impl Work for Switching {
    fn step(&mut self, screen: &mut Screen, number: u32) -> anyhow::Result<()> {
        screen.raise(self.windows[number as usize % self.windows.len()])
    }
}
