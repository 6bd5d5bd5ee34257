//! An X server of our own, with eyes and hands.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    self, AtomEnum, ConnectionExt as _, ImageFormat, KeyButMask, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::person::Person;
use crate::program::Kept;

/// A screenshot: 0x00RRGGBB, row by row.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<u32>,
}

impl Image {
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut encoder = png::Encoder::new(File::create(path)?, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let bytes: Vec<u8> = self
            .pixels
            .iter()
            .flat_map(|p| [(p >> 16) as u8, (p >> 8) as u8, *p as u8])
            .collect();
        encoder.write_header()?.write_image_data(&bytes)?;
        Ok(())
    }

    pub fn pixel(&self, x: u32, y: u32) -> u32 {
        self.pixels[(y * self.width + x) as usize]
    }

    /// The part of that size at (x, y).
    pub fn crop(&self, x: u32, y: u32, width: u32, height: u32) -> Image {
        let row = |row: u32| {
            let from = ((y + row) * self.width + x) as usize;
            &self.pixels[from..from + width as usize]
        };
        Image {
            width,
            height,
            pixels: (0..height).flat_map(row).copied().collect(),
        }
    }

    /// Where `part` is in this picture, bit for bit.
    pub fn find(&self, part: &Image) -> Option<(u32, u32)> {
        let across = self.width.checked_sub(part.width)?;
        let down = self.height.checked_sub(part.height)?;
        let telling = part.telling_pixels();
        let places = (0..=down).flat_map(|y| (0..=across).map(move |x| (x, y)));
        places
            .filter(|(x, y)| {
                let same =
                    |(px, py): &(u32, u32)| self.pixel(x + px, y + py) == part.pixel(*px, *py);
                telling.iter().all(same)
            })
            .find(|(x, y)| self.crop(*x, *y, part.width, part.height) == *part)
    }

    /// A few places that differ from their left neighbour: most wrong places are told by them.
    fn telling_pixels(&self) -> Vec<(u32, u32)> {
        let step = (self.height / 64).max(1) as usize;
        let rows = (0..self.height).step_by(step);
        rows.filter_map(|y| {
            let row = &self.pixels[(y * self.width) as usize..((y + 1) * self.width) as usize];
            let edge = row.windows(2).position(|pair| pair[0] != pair[1])?;
            Some((edge as u32 + 1, y))
        })
        .collect()
    }

    /// How many pixels of two equally large pictures differ.
    pub fn difference(&self, other: &Image) -> usize {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let pairs = self.pixels.iter().zip(&other.pixels);
        pairs.filter(|(a, b)| a != b).count()
    }
}

/// From the server's 32 bits a pixel, little-endian.
fn image_of(width: u16, height: u16, data: &[u8]) -> Image {
    let pixels = data.chunks_exact(4);
    Image {
        width: width.into(),
        height: height.into(),
        pixels: pixels
            .map(|p| u32::from_le_bytes([p[0], p[1], p[2], 0]))
            .collect(),
    }
}

/// A screenshot of any display.
pub fn screenshot_of(display: &str) -> anyhow::Result<Image> {
    let (x, screen) = x11rb::connect(Some(display))?;
    let root = &x.setup().roots[screen];
    let (width, height) = (root.width_in_pixels, root.height_in_pixels);
    let (format, root) = (ImageFormat::Z_PIXMAP, root.root);
    let image = x.get_image(format, root, 0, 0, width, height, !0)?;
    Ok(image_of(width, height, &image.reply()?.data))
}

/// A running X server.
pub struct Display {
    name: String,
    x: RustConnection,
    root: Window,
    // Order matters: programs end before their server.
    programs: Vec<Kept>,
    server: Kept,
}

impl Display {
    /// Xvfb with a window manager.
    pub fn start(width: u32, height: u32) -> anyhow::Result<Display> {
        Display::bare(width, height)?.managed()
    }

    fn managed(mut self) -> anyhow::Result<Display> {
        self.run("openbox", &[])?;
        // The manager says on the root window that it is there.
        let supported = self.atom("_NET_SUPPORTING_WM_CHECK")?;
        self.until(Duration::from_secs(10), "a window manager", |display| {
            display
                .property(display.root, supported)
                .map(|p| !p.is_empty())
        })?;
        Ok(self)
    }

    /// Xvfb alone.
    pub fn bare(width: u32, height: u32) -> anyhow::Result<Display> {
        let mut command = Command::new("Xvfb");
        let size = format!("{width}x{height}x24");
        command.args(["-screen", "0", &size, "-nolisten", "tcp", "-noreset"]);
        command.args(["-displayfd", "1"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Display::over(command)
    }

    /// Xvnc with a window manager and somebody in front of it, whose mouse and keyboard are devices of their own. `folder` takes
    /// the socket between the two.
    pub fn seated(width: u32, height: u32, folder: &Path) -> anyhow::Result<(Display, Person)> {
        let socket = folder.join("person");
        let mut command = Command::new("Xvnc");
        let size = format!("{width}x{height}");
        command.args(["-geometry", &size, "-depth", "24", "-displayfd", "1"]);
        command.args(["-SecurityTypes", "None", "-rfbport", "-1", "-rfbunixpath"]);
        command
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let display = Display::over(command)?.managed()?;
        display.until(Duration::from_secs(10), "the person's socket", |_| {
            Ok(socket.exists())
        })?;
        Ok((display, Person::connect(&socket)))
    }

    /// Xvnc with a window manager: a server whose screen can be resized. Nobody can connect to it by VNC.
    pub fn resizable(width: u32, height: u32) -> anyhow::Result<Display> {
        let mut command = Command::new("Xvnc");
        let size = format!("{width}x{height}");
        command.args(["-geometry", &size, "-depth", "24", "-displayfd", "1"]);
        command.args(["-SecurityTypes", "None", "-localhost", "-rfbport", "-1"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Display::over(command)?.managed()
    }

    /// Gives the screen another size (only of a [`Display::resizable`] server).
    pub fn resize(&self, width: u32, height: u32) -> anyhow::Result<()> {
        let size = format!("{width}x{height}");
        let status = Command::new("xrandr")
            .args(["-display", &self.name, "-s", &size])
            .stdout(Stdio::null())
            .status()
            .context("xrandr is needed: apt-get install x11-xserver-utils")?;
        if !status.success() {
            bail!("xrandr cannot resize display {} to {size}", self.name);
        }
        self.until(Duration::from_secs(10), "the new size", |display| {
            let geometry = display.x.get_geometry(display.root)?.reply()?;
            Ok((geometry.width, geometry.height) == (width as u16, height as u16))
        })
    }

    /// Asks a window to close, as a click on its manager's button does.
    pub fn close_window(&self, window: Window) -> anyhow::Result<()> {
        let (protocols, delete) = (self.atom("WM_PROTOCOLS")?, self.atom("WM_DELETE_WINDOW")?);
        let message = xproto::ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
        self.x
            .send_event(false, window, xproto::EventMask::NO_EVENT, message)?
            .check()?;
        Ok(())
    }

    fn over(mut command: Command) -> anyhow::Result<Display> {
        let mut server = Kept::spawn(&mut command)
            .context("an X server is needed: apt-get install xvfb (make setup does it)")?;
        let out = server.0.stdout.take().context("no standard output")?;
        let mut number = String::new();
        BufReader::new(out).read_line(&mut number)?;
        let number = number.trim();
        if number.is_empty() {
            bail!("the X server did not start");
        }
        let name = format!(":{number}");
        let (x, screen) = x11rb::connect(Some(&name))?;
        let root = x.setup().roots[screen].root;
        Ok(Display {
            name,
            x,
            root,
            programs: Vec::new(),
            server,
        })
    }

    /// Its name, such as `:7`, for `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn root(&self) -> Window {
        self.root
    }

    pub fn connection(&self) -> &RustConnection {
        &self.x
    }

    pub fn server_pid(&self) -> u32 {
        self.server.pid()
    }

    /// Ends the server, as a crash would.
    pub fn kill_server(&mut self) -> anyhow::Result<()> {
        Ok(self.server.0.kill()?)
    }

    /// Starts a program on this display, which lives as long as it.
    pub fn run(&mut self, program: &str, args: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(program);
        command
            .args(args)
            .env("DISPLAY", &self.name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.programs.push(Kept::spawn(&mut command)?);
        Ok(())
    }

    /// Waits until `ready` says so.
    pub fn until(
        &self,
        within: Duration,
        what: &str,
        mut ready: impl FnMut(&Display) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        while !ready(self)? {
            if Instant::now() > deadline {
                bail!(
                    "{what} did not come within {within:?} on display {}",
                    self.name
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub fn screenshot(&self) -> anyhow::Result<Image> {
        self.screenshot_of(self.root)
    }

    pub fn screenshot_of(&self, window: Window) -> anyhow::Result<Image> {
        let geometry = self.x.get_geometry(window)?.reply()?;
        let (width, height) = (geometry.width, geometry.height);
        let image = self
            .x
            .get_image(ImageFormat::Z_PIXMAP, window, 0, 0, width, height, !0)?
            .reply()?;
        Ok(image_of(width, height, &image.data))
    }

    /// A part of the screen.
    pub fn region(&self, x: i32, y: i32, width: u16, height: u16) -> anyhow::Result<Image> {
        let (format, root) = (ImageFormat::Z_PIXMAP, self.root);
        let image = self
            .x
            .get_image(format, root, x as i16, y as i16, width, height, !0)?
            .reply()?;
        Ok(image_of(width, height, &image.data))
    }

    pub fn atom(&self, name: &str) -> anyhow::Result<xproto::Atom> {
        Ok(self.x.intern_atom(false, name.as_bytes())?.reply()?.atom)
    }

    fn property(&self, window: Window, atom: xproto::Atom) -> anyhow::Result<Vec<u8>> {
        let reply = self
            .x
            .get_property(false, window, atom, AtomEnum::ANY, 0, 1024)?
            .reply()?;
        Ok(reply.value)
    }

    /// The first window, at any depth, whose title contains `title`.
    pub fn find_window(&self, title: &str) -> anyhow::Result<Option<Window>> {
        let name = self.atom("_NET_WM_NAME")?;
        let mut open = vec![self.root];
        while let Some(window) = open.pop() {
            for atom in [name, AtomEnum::WM_NAME.into()] {
                // A window may vanish while we look.
                let value = self.property(window, atom).unwrap_or_default();
                if String::from_utf8_lossy(&value).contains(title) {
                    return Ok(Some(window));
                }
            }
            if let Ok(tree) = self.x.query_tree(window)?.reply() {
                open.extend(tree.children);
            }
        }
        Ok(None)
    }

    pub fn wait_window(&self, title: &str, within: Duration) -> anyhow::Result<Window> {
        let mut found = None;
        self.until(within, &format!("a window '{title}'"), |display| {
            found = display.find_window(title)?;
            Ok(found.is_some())
        })?;
        found.context("just found")
    }

    /// A window's place on the screen: left, top, width, height.
    pub fn place(&self, window: Window) -> anyhow::Result<(i32, i32, u32, u32)> {
        let geometry = self.x.get_geometry(window)?.reply()?;
        let at = self
            .x
            .translate_coordinates(window, self.root, 0, 0)?
            .reply()?;
        Ok((
            at.dst_x.into(),
            at.dst_y.into(),
            geometry.width.into(),
            geometry.height.into(),
        ))
    }

    pub fn pointer(&self) -> anyhow::Result<(i32, i32)> {
        let pointer = self.x.query_pointer(self.root)?.reply()?;
        Ok((pointer.root_x.into(), pointer.root_y.into()))
    }

    /// Buttons and modifiers that are held.
    pub fn held(&self) -> anyhow::Result<KeyButMask> {
        Ok(self.x.query_pointer(self.root)?.reply()?.mask)
    }

    /// Key codes that are down.
    pub fn keys_down(&self) -> anyhow::Result<Vec<u8>> {
        let keys = self.x.query_keymap()?.reply()?.keys;
        Ok((0..=255_u8)
            .filter(|code| keys[usize::from(code / 8)] & (1 << (code % 8)) != 0)
            .collect())
    }

    /// Gives a window the keyboard.
    pub fn focus(&self, window: Window) -> anyhow::Result<()> {
        let time = x11rb::CURRENT_TIME;
        self.x
            .set_input_focus(xproto::InputFocus::PARENT, window, time)?
            .check()?;
        Ok(())
    }

    /// Raw hands (XTEST): `kind` is one of xproto's event codes.
    pub fn fake(&self, kind: u8, detail: u8, x: i16, y: i16) -> anyhow::Result<()> {
        self.x
            .xtest_fake_input(kind, detail, 0, self.root, x, y, 0)?
            .check()?;
        Ok(())
    }

    pub fn move_to(&self, x: i32, y: i32) -> anyhow::Result<()> {
        self.fake(xproto::MOTION_NOTIFY_EVENT, 0, x as i16, y as i16)
    }

    pub fn click(&self, x: i32, y: i32, button: u8) -> anyhow::Result<()> {
        self.move_to(x, y)?;
        self.fake(xproto::BUTTON_PRESS_EVENT, button, 0, 0)?;
        self.fake(xproto::BUTTON_RELEASE_EVENT, button, 0, 0)
    }

    /// The code of the key whose unshifted or shifted symbol is `keysym`, and whether it needs Shift.
    pub fn keycode(&self, keysym: u32) -> anyhow::Result<(u8, bool)> {
        let setup = self.x.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let map = self
            .x
            .get_keyboard_mapping(first, last - first + 1)?
            .reply()?;
        let per = usize::from(map.keysyms_per_keycode);
        for (n, symbols) in map.keysyms.chunks(per).enumerate() {
            if let Some(level) = symbols.iter().take(2).position(|s| *s == keysym) {
                return Ok((first + n as u8, level == 1));
            }
        }
        bail!("no key for symbol {keysym:#x} on display {}", self.name)
    }

    pub fn key(&self, keysym: u32, down: bool) -> anyhow::Result<()> {
        let (code, _) = self.keycode(keysym)?;
        let kind = if down {
            xproto::KEY_PRESS_EVENT
        } else {
            xproto::KEY_RELEASE_EVENT
        };
        self.fake(kind, code, 0, 0)
    }

    /// Types ASCII and line ends as a person at this display would.
    pub fn type_text(&self, text: &str, pause: Duration) -> anyhow::Result<()> {
        const RETURN: u32 = 0xff0d;
        const SHIFT: u32 = 0xffe1;
        for c in text.chars() {
            let symbol = if c == '\n' { RETURN } else { c as u32 };
            let (_, shifted) = self.keycode(symbol)?;
            if shifted {
                self.key(SHIFT, true)?;
            }
            self.key(symbol, true)?;
            self.key(symbol, false)?;
            if shifted {
                self.key(SHIFT, false)?;
            }
            std::thread::sleep(pause);
        }
        Ok(())
    }
}
