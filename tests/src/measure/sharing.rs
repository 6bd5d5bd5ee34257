//! The cases of the picture's bench: a display that is shared by something, and what that costs and delivers.

use std::any::Any;
use std::cell::OnceCell;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::h264::Video;
use super::marks::{Marks, Seen, find};
use super::stages::{TECHNICIAN, USER};
use super::{Usage, memory};
use crate::display::{Display, Image};
use crate::vnc;
use crate::world::{SOON, World};

/// What shares the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Nothing: what drawing alone costs.
    Alone,
    Sightline,
    Xvnc,
    X0vncserver,
    X264,
}

impl Case {
    pub fn name(self) -> &'static str {
        match self {
            Case::Alone => "X server alone",
            Case::Sightline => "Sightline",
            Case::Xvnc => "TigerVNC, Xvnc",
            Case::X0vncserver => "TigerVNC, x0vncserver",
            Case::X264 => "x264 ultrafast, 30/s",
        }
    }
}

/// The user's display.
enum User {
    Xvfb(Box<Display>),
    Xvnc { name: String, pid: u32 },
}

/// Between the user's display and whoever looks.
enum Between {
    Nothing,
    Sightline(Box<World>),
    Vnc { port: u16 },
    Video(OnceCell<Video>),
}

/// A display that something may share.
pub struct Sharing {
    // Order matters: programs end before what they are connected to, and before their displays.
    programs: Vec<Box<dyn Any>>,
    between: Between,
    /// The sharing program, and the one that shows; none if that is the X server itself, or nobody looks.
    sharer: Option<u32>,
    viewer: Option<u32>,
    technician: Option<Display>,
    user: User,
    /// Where the user's screen begins on the technician's.
    corner: (u32, u32),
}

/// What sharing has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// The sharing program and the user's X server, which draws and is asked for pixels.
    pub sharing: Duration,
    /// The sharing program alone; nothing where it is the X server.
    pub sharer: Duration,
    pub viewer: Duration,
    pub bytes: u64,
}

impl Used {
    pub fn since(self, before: Used) -> Used {
        Used {
            sharing: self.sharing.saturating_sub(before.sharing),
            sharer: self.sharer.saturating_sub(before.sharer),
            viewer: self.viewer.saturating_sub(before.viewer),
            bytes: self.bytes.saturating_sub(before.bytes),
        }
    }
}

/// A watch on what the technician sees.
pub struct Look(Option<Marks>);

impl Sharing {
    /// The displays, with nothing between them yet: draw the first picture, then [`Sharing::begin`].
    pub fn prepare(case: Case) -> anyhow::Result<Sharing> {
        let mut programs: Vec<Box<dyn Any>> = Vec::new();
        let (user, between) = match case {
            Case::Xvnc => {
                let (server, name) = vnc::xvnc(USER.0, USER.1)?;
                let pid = server.process.pid();
                let port = server.port;
                programs.push(Box::new(server));
                (User::Xvnc { name, pid }, Between::Vnc { port })
            }
            _ => (
                User::Xvfb(Box::new(Display::start(USER.0, USER.1)?)),
                Between::Nothing,
            ),
        };
        let technician = match case {
            Case::Alone | Case::X264 => None,
            _ => Some(Display::start(TECHNICIAN.0, TECHNICIAN.1)?),
        };
        Ok(Sharing {
            programs,
            between,
            sharer: None,
            viewer: None,
            technician,
            user,
            corner: (0, 0),
        })
    }

    /// The user's display, for programs that draw.
    pub fn user(&self) -> &str {
        match &self.user {
            User::Xvfb(display) => display.name(),
            User::Xvnc { name, .. } => name,
        }
    }

    /// Starts what is between, and waits until step 0, which the user's display shows, has arrived.
    pub fn begin(&mut self, case: Case) -> anyhow::Result<()> {
        match case {
            Case::Alone => return Ok(()),
            Case::X264 => return self.begin_video(),
            Case::Sightline => self.begin_sightline()?,
            Case::Xvnc => self.begin_vncviewer()?,
            Case::X0vncserver => {
                let server = vnc::scrape(self.user())?;
                self.sharer = Some(server.process.pid());
                self.between = Between::Vnc { port: server.port };
                self.programs.push(Box::new(server));
                self.begin_vncviewer()?;
            }
        }
        let technician = self.technician.as_ref().context("nobody looks")?;
        self.corner = find(technician, 0, SOON)?;
        // The pointer over the picture is the technician's own there, and drawn nowhere.
        technician.move_to(TECHNICIAN.0 as i32 / 2, TECHNICIAN.1 as i32 / 2)
    }

    fn begin_sightline(&mut self) -> anyhow::Result<()> {
        let User::Xvfb(user) = &self.user else {
            bail!("not on Xvnc");
        };
        let technician = self.technician.as_ref().context("nobody looks")?;
        let mut world = World::start()?;
        let mut agent = world.share(user, &[])?;
        let args = ["--one-to-one", "--fullscreen"];
        let viewer = world.connect(technician, &agent.code, &args)?;
        agent.answer("y")?;
        self.sharer = Some(agent.terminal.pid()?);
        self.viewer = Some(viewer.process.pid());
        self.programs.push(Box::new((agent, viewer)));
        self.between = Between::Sightline(Box::new(world));
        Ok(())
    }

    fn begin_vncviewer(&mut self) -> anyhow::Result<()> {
        let Between::Vnc { port } = self.between else {
            bail!("no VNC server");
        };
        let technician = self.technician.as_ref().context("nobody looks")?;
        let home = tempfile::tempdir()?;
        let viewer = vnc::view_port(port, technician, home.path())?;
        self.viewer = Some(viewer.pid());
        self.programs.insert(0, Box::new((viewer, home)));
        Ok(())
    }

    fn begin_video(&mut self) -> anyhow::Result<()> {
        let video = Video::start(self.user(), USER)?;
        self.sharer = Some(video.encoder.pid());
        let until = std::time::Instant::now() + SOON;
        while video.seen().is_empty() {
            if std::time::Instant::now() > until {
                bail!("the encoder makes no frames");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.between = Between::Video(OnceCell::from(video));
        Ok(())
    }

    /// What was used until now.
    pub fn used(&self) -> anyhow::Result<Used> {
        let ran = |pid: Option<u32>| match pid {
            Some(pid) => Ok(Usage::of(pid)?.ran),
            None => anyhow::Ok(Duration::ZERO),
        };
        let server = match &self.user {
            User::Xvfb(display) => display.server_pid(),
            User::Xvnc { pid, .. } => *pid,
        };
        let sharer = ran(self.sharer)?;
        Ok(Used {
            sharing: sharer + ran(Some(server))?,
            sharer,
            viewer: ran(self.viewer)?,
            bytes: self.bytes()?,
        })
    }

    /// Bytes that left the user's computer until now: the sealed records as the relay keeps them, what the kernel
    /// counted on the VNC server's connection, the video's stream.
    fn bytes(&self) -> anyhow::Result<u64> {
        match &self.between {
            Between::Nothing => Ok(0),
            Between::Sightline(world) => {
                let sizes = world.recordings()?.into_iter().map(|file| file.metadata());
                sizes.map(|meta| Ok(meta?.len())).sum()
            }
            Between::Vnc { port } => sent_from(*port),
            Between::Video(video) => Ok(video.get().map_or(0, Video::bytes)),
        }
    }

    /// Most memory so far, in bytes: of the sharing program (or the X server that is one), and of the viewer.
    pub fn memory(&self) -> anyhow::Result<(u64, u64)> {
        let most = |pid: Option<u32>| pid.map_or(Ok(0), |pid| anyhow::Ok(memory(pid)?.1));
        let sharer = match &self.user {
            User::Xvnc { pid, .. } => Some(*pid),
            User::Xvfb(_) => self.sharer,
        };
        Ok((most(sharer)?, most(self.viewer)?))
    }

    /// Begins to note what the technician sees.
    pub fn look(&self) -> anyhow::Result<Look> {
        let watch = |display: &Display| Marks::watch(display.name(), self.corner);
        Ok(Look(self.technician.as_ref().map(watch).transpose()?))
    }

    /// What was seen since.
    pub fn seen(&self, look: Look) -> anyhow::Result<Vec<Seen>> {
        match (look.0, &self.between) {
            (Some(marks), _) => marks.end(),
            (None, Between::Video(video)) => Ok(video.get().map(Video::seen).unwrap_or_default()),
            _ => Ok(Vec::new()),
        }
    }

    /// How many of a thousand pixels at the technician's differ from the user's now; nothing if nobody looks. A video
    /// ends with that.
    pub fn differing(&mut self) -> anyhow::Result<Option<f64>> {
        let seen = match (&self.technician, &mut self.between) {
            (Some(technician), _) => {
                let (x, y) = self.corner;
                technician.screenshot()?.crop(x, y, USER.0, USER.1)
            }
            (None, Between::Video(video)) => match video.take() {
                Some(video) => video.last_frame()?,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let there = self.screenshot()?;
        let all = there.pixels.len() as f64;
        Ok(Some(1000.0 * seen.difference(&there) as f64 / all))
    }

    fn screenshot(&self) -> anyhow::Result<Image> {
        match &self.user {
            User::Xvfb(display) => display.screenshot(),
            User::Xvnc { name, .. } => crate::display::screenshot_of(name),
        }
    }
}

/// Bytes that were sent on connections to a local TCP port, by the kernel's count.
fn sent_from(port: u16) -> anyhow::Result<u64> {
    let filter = format!("sport = :{port}");
    let output = Command::new("ss").args(["-tinH", &filter]).output();
    let output = output.context("apt-get install iproute2")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counts = text
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("bytes_sent:"));
    Ok(counts.filter_map(|count| count.parse::<u64>().ok()).sum())
}
