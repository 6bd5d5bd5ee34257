//! What most scenes need: a world, a user at a terminal that keeps what is typed into it, and a technician.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use x11rb::protocol::xproto::{ConnectionExt as _, Window};

use crate::display::Display;
use crate::program::Program;
use crate::world::{Agent, SOON, Setting, World};

/// Between two keys that a person types: fast, but people.
pub const KEY: Duration = Duration::from_millis(4);

/// A terminal on a user's screen; every line typed into it is in a file.
pub struct Pad {
    pub window: Window,
    typed: PathBuf,
}

impl Pad {
    /// A terminal with this title, its file in `folder`.
    pub fn open(display: &mut Display, folder: &Path, title: &str) -> anyhow::Result<Pad> {
        let typed = folder.join(format!("{title}.typed"));
        std::fs::write(&typed, "")?;
        let file = typed.display().to_string();
        display.run(
            "xterm",
            &[
                "-u8",
                "-fa",
                "Monospace",
                "-fs",
                "12",
                "-geometry",
                "70x20+40+120",
                "-T",
                title,
                "-e",
                "sh",
                "-c",
                "exec cat > \"$0\"",
                &file,
            ],
        )?;
        let window = display.wait_window(title, SOON)?;
        Ok(Pad { window, typed })
    }

    /// The file with the lines typed so far.
    pub fn file(&self) -> &Path {
        &self.typed
    }

    /// The lines typed so far.
    pub fn typed(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(&self.typed)?)
    }
}

/// Gives a window the keyboard and waits until it has it.
pub fn focus(display: &Display, window: Window) -> anyhow::Result<()> {
    display.until(SOON, "the keyboard's focus", |display| {
        if display.connection().get_input_focus()?.reply()?.focus == window {
            return Ok(true);
        }
        // Fails while the window is not mapped yet.
        let _ = display.focus(window);
        Ok(false)
    })
}

/// Ctrl+Alt+Shift and a letter: opens a panel of the viewer's window.
pub fn call_panel(display: &Display, letter: char) -> anyhow::Result<()> {
    const CTRL_ALT_SHIFT: [u32; 3] = [0xffe3, 0xffe9, 0xffe1];
    for key in CTRL_ALT_SHIFT {
        display.key(key, true)?;
    }
    display.key(letter as u32, true)?;
    display.key(letter as u32, false)?;
    for key in CTRL_ALT_SHIFT {
        display.key(key, false)?;
    }
    // The window hears of it in its turn; what is typed next comes after.
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}

/// A world with a user and a technician.
pub struct Stage {
    // Order matters: programs end before their displays.
    pub world: World,
    pub pad: Pad,
    pub user: Display,
    pub technician: Display,
    _typed: tempfile::TempDir,
}

impl Stage {
    pub fn set() -> anyhow::Result<Stage> {
        Stage::with(Setting::default())
    }

    pub fn with(setting: Setting) -> anyhow::Result<Stage> {
        let user = Display::start(1024, 700)?;
        Stage::on(user, setting)
    }

    /// With this display for the user.
    pub fn on(mut user: Display, setting: Setting) -> anyhow::Result<Stage> {
        let world = World::with(setting)?;
        // Not in the world's folder: what is typed must be nowhere near the relay.
        let typed = tempfile::tempdir()?;
        let pad = Pad::open(&mut user, typed.path(), "pad")?;
        Ok(Stage {
            world,
            pad,
            user,
            technician: Display::start(1200, 800)?,
            _typed: typed,
        })
    }

    /// A running session, everything allowed, that the technician sees.
    pub fn session(&mut self) -> anyhow::Result<(Agent, Program)> {
        let session = self.world.session(&self.user, &self.technician)?;
        self.pad_is_seen()?;
        Ok(session)
    }

    /// Types a line in the viewer's window, into the user's pad.
    pub fn type_line(&self, line: &str) -> anyhow::Result<()> {
        focus(&self.user, self.pad.window)?;
        let viewer = self.technician.wait_window("Sightline", SOON)?;
        focus(&self.technician, viewer)?;
        self.technician.type_text(&format!("{line}\n"), KEY)
    }

    /// Types a line in the viewer's window and waits until the user's pad has it.
    pub fn type_through(&self, line: &str) -> anyhow::Result<()> {
        self.type_line(line)?;
        let ended = format!("{line}\n");
        let arrived = |_: &Display| Ok(self.pad.typed()?.ends_with(&ended));
        let waited = self
            .user
            .until(SOON, &format!("'{line}' in the pad"), arrived);
        waited.with_context(|| {
            let focus = |display: &Display| -> anyhow::Result<Window> {
                Ok(display.connection().get_input_focus()?.reply()?.focus)
            };
            format!(
                "it has {:?}; focus {:?} of pad {:?} at the user and {:?} at the technician",
                self.pad.typed().ok(),
                focus(&self.user).ok(),
                self.pad.window,
                focus(&self.technician).ok(),
            )
        })
    }

    /// Waits until the viewer shows the user's pad: a picture has arrived, and so it is recorded.
    pub fn pad_is_seen(&self) -> anyhow::Result<()> {
        const WHITE: u32 = 0x00ff_ffff;
        self.technician
            .until(SOON, "the pad in the viewer", |display| {
                let screen = display.screenshot()?;
                let white = screen.pixels.iter().filter(|pixel| **pixel == WHITE);
                Ok(white.count() > 20_000)
            })
    }

    /// The viewer's window.
    pub fn viewer_window(&self) -> anyhow::Result<Window> {
        self.technician.wait_window("Sightline", SOON)
    }

    /// The viewer's window, with the pointer in the middle of its picture.
    pub fn point_at_picture(&self) -> anyhow::Result<Window> {
        let window = self.viewer_window()?;
        let (x, y, width, height) = self.technician.place(window)?;
        self.technician
            .move_to(x + width as i32 / 2, y + height as i32 / 2)?;
        Ok(window)
    }
}
