//! The cases of a comparison: one echo program, seen through different things in between.

use std::any::Any;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::echo;
use super::echo::{COLOURS, Echo};
use super::eye::Eye;
use super::line::Line;
use super::remote::RELAY_PORT;
use super::watch::{Freshness, Watch};
use super::{Chance, Samples};
use crate::cable::{Cable, End};
use crate::display::Display;
use crate::false_relay::FalseRelay;
use crate::proxy::Proxy;
use crate::vnc;
use crate::workload::{Beside, Kind, Options, Workload};
use crate::world::{Setting, World, free_address};

/// The user's screen, in pixels.
pub const USER: (u32, u32) = (1920, 1080);
/// The technician's: large enough that no viewer has to scale the user's.
pub const TECHNICIAN: (u32, u32) = (2200, 1300);

/// Presses that do not count: caches fill, programs adapt.
const WARM_UP: u64 = 20;
/// Milliseconds between a pixel and the next press: a fast typist, and everything at rest in between.
const GAP_MS: (u64, u64) = (30, 80);

/// Until what goes on beside is under way: a sender must see for a while that something moves to know it is a video.
const UNDER_WAY: Duration = Duration::from_secs(3);
/// The same while something moves.
const MOVING_GAP_MS: (u64, u64) = (150, 450);
/// It moves for so long before it counts: a page has scrolled through, rates are found.
const MOVING_WARM_UP: Duration = Duration::from_secs(4);
/// On a bad line a pixel may take this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which of the two ways to the relay is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    Agent,
    Viewer,
}

/// What was measured of one case.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// Key pressed at the viewer → pixel on the viewer's display.
    pub whole: Samples,
    /// Key pressed at the viewer → the program has it.
    pub there: Samples,
    /// The program has it → pixel on the viewer's display.
    pub back: Samples,
}

/// Something between a key and its pixel.
pub struct Stage {
    echo: Echo,
    eye: Eye,
    presses: usize,
    /// The displays on which the echo runs, and is seen.
    user: String,
    seen: String,
    beside: Option<Beside>,
    // Held: the programs in between end with it.
    _between: Box<dyn Any>,
}

impl Stage {
    /// The echo runs on the display called `user` and is seen on `seen`.
    fn new(user: &str, seen: &Display) -> anyhow::Result<Stage> {
        let echo = Echo::start(user)?;
        let eye = Eye::open(seen.name())?;
        eye.click(seen)?;
        Ok(Stage {
            echo,
            eye,
            presses: 0,
            user: user.to_owned(),
            beside: None,
            seen: seen.name().to_owned(),
            _between: Box::new(()),
        })
    }

    fn over(mut self, between: impl Any) -> Stage {
        self._between = Box::new(between);
        self
    }

    /// Something else goes on beside the echo, on the rest of the user's screen.
    pub fn beside(mut self, kind: Kind) -> anyhow::Result<Stage> {
        let options = Options {
            below: true,
            ..Options::default()
        };
        let workload = Workload::open(&self.user, kind, options)?;
        self.beside = Some(Beside::start(workload));
        std::thread::sleep(UNDER_WAY);
        Ok(self)
    }

    /// Key and pixel on one X server.
    pub fn x_server() -> anyhow::Result<Stage> {
        let display = Display::start(USER.0, USER.1)?;
        Ok(Stage::new(display.name(), &display)?.over(display))
    }

    /// Agent, relay and viewer, between two X servers.
    pub fn sightline() -> anyhow::Result<Stage> {
        let mut world = World::start()?;
        let user = Display::start(USER.0, USER.1)?;
        let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
        let session = world.session(&user, &technician)?;
        Ok(Stage::new(user.name(), &technician)?.over((session, world, technician, user)))
    }

    /// The same with a relay in this process that records nothing.
    pub fn unrecorded() -> anyhow::Result<Stage> {
        let mut world = World::start()?;
        world.relay.process.0.kill()?;
        world.relay.process.0.wait()?;
        let keys = world.folder().join("relay");
        let relay = FalseRelay::start(&keys, &world.relay_address, None, None)?;
        let user = Display::start(USER.0, USER.1)?;
        let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
        let session = world.session(&user, &technician)?;
        let stage = Stage::new(user.name(), &technician)?;
        Ok(stage.over((session, relay, world, technician, user)))
    }

    /// Agent, relay and viewer, one of them behind a bad line.
    pub fn behind(line: &Line, leg: Leg) -> anyhow::Result<(Stage, Rc<Proxy>)> {
        let listen = free_address()?;
        let proxy = Rc::new(Proxy::start(&listen, 1)?);
        proxy.set(line.conditions());
        let mut world = World::with(Setting {
            announced: Some(proxy.address()),
            listen: Some(listen),
            ..Setting::default()
        })?;
        let user = Display::start(USER.0, USER.1)?;
        let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
        if leg == Leg::Viewer {
            proxy.spare_next();
        }
        let session = world.session_after(&user, &technician, || {
            if leg == Leg::Agent {
                proxy.spare_next();
            }
        })?;
        let stage = Stage::new(user.name(), &technician)?.patient();
        let held = (session, world, technician, user, Rc::clone(&proxy));
        Ok((stage.over(held), proxy))
    }

    /// Agent and relay at one end of a cable, the viewer at the other.
    pub fn on_cable(cable: &Cable) -> anyhow::Result<Stage> {
        let listen = format!("{}:{RELAY_PORT}", End::User.address());
        let setting = Setting {
            listen: Some(listen),
            ..Setting::default()
        };
        let user = Display::start(USER.0, USER.1)?;
        let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
        let (mut world, mut agent) = cable.at(End::User, || {
            let mut world = World::with(setting)?;
            let agent = world.share(&user, &[])?;
            Ok((world, agent))
        })?;
        let code = agent.code.clone();
        let connect = || world.connect(&technician, &code, &[]);
        let mut viewer = cable.at(End::Technician, connect)?;
        agent.answer("y")?;
        viewer.events.wait("granted", PATIENCE)?;
        technician.wait_window("Sightline", PATIENCE)?;
        viewer.events.wait("round_trip", PATIENCE)?;
        let stage = Stage::new(user.name(), &technician)?.patient();
        Ok(stage.over((viewer, agent, world, technician, user)))
    }

    /// `Xvnc` at one end of a cable, `vncviewer` at the other.
    pub fn xvnc_on_cable(cable: &Cable) -> anyhow::Result<Stage> {
        let home = tempfile::tempdir()?;
        let (server, user) = cable.at(End::User, || vnc::xvnc_on_cable(USER.0, USER.1))?;
        let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
        let address = End::User.address();
        let view = || vnc::view_from(&server, address, &technician, home.path());
        let viewer = cable.at(End::Technician, view)?;
        // There is nothing to click on before the window is there.
        technician.wait_window("TigerVNC", PATIENCE)?;
        let stage = Stage::new(&user, &technician)?.patient();
        Ok(stage.over((viewer, server, technician, home)))
    }

    /// On a bad line everything takes its time.
    fn patient(mut self) -> Stage {
        self.eye.set_patience(PATIENCE);
        self.echo.set_patience(PATIENCE);
        self
    }

    /// `Xvnc` as the user's X server, and `vncviewer`.
    pub fn xvnc() -> anyhow::Result<Stage> {
        let home = tempfile::tempdir()?;
        let (server, user) = vnc::xvnc(USER.0, USER.1)?;
        let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
        let viewer = vnc::view(&server, &technician, home.path())?;
        Ok(Stage::new(&user, &technician)?.over((viewer, server, technician, home)))
    }

    /// `x0vncserver` attached to the user's X server, and `vncviewer`.
    pub fn x0vncserver() -> anyhow::Result<Stage> {
        let home = tempfile::tempdir()?;
        let user = Display::start(USER.0, USER.1)?;
        let server = vnc::scrape(user.name())?;
        let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
        let viewer = vnc::view(&server, &technician, home.path())?;
        Ok(Stage::new(user.name(), &technician)?.over((viewer, server, technician, user, home)))
    }

    /// Presses so many keys at quiet and adds what was measured.
    pub fn measure(
        &mut self,
        presses: u64,
        chance: &mut Chance,
        latency: &mut Latency,
    ) -> anyhow::Result<()> {
        for n in 0..WARM_UP + presses {
            std::thread::sleep(chance.between_ms(GAP_MS.0, GAP_MS.1));
            let mut unmeasured = Latency::default();
            let counts = n >= WARM_UP;
            self.press(if counts {
                &mut *latency
            } else {
                &mut unmeasured
            })?;
        }
        Ok(())
    }

    fn press(&mut self, latency: &mut Latency) -> anyhow::Result<()> {
        self.presses += 1;
        let seen = self.eye.press(COLOURS[self.presses % 2]);
        let arrived = self.echo.pressed().context("a key press was lost")?;
        let (pressed, seen) = seen.context("a picture was lost")?;
        latency.whole.add(seen - pressed);
        latency.there.add(arrived - pressed);
        latency.back.add(seen - arrived);
        Ok(())
    }

    /// Lets a workload that can be stamped go on for so long, presses a key now and then, and says how fresh its picture was.
    pub fn freshness(
        &mut self,
        kind: Kind,
        length: Duration,
        chance: &mut Chance,
        latency: &mut Latency,
    ) -> anyhow::Result<Freshness> {
        let moved = (
            self.eye.at().0 - echo::MIDDLE.0,
            self.eye.at().1 - echo::MIDDLE.1,
        );
        let options = Options {
            below: true,
            stamped: true,
            ..Options::default()
        };
        let workload = Workload::open(&self.user, kind, options)?;
        let watch = Watch::start(&self.seen, &workload.places(), moved)?;
        let moving = Beside::start(workload);
        std::thread::sleep(MOVING_WARM_UP);
        let from = Instant::now();
        while from.elapsed() < length {
            std::thread::sleep(chance.between_ms(MOVING_GAP_MS.0, MOVING_GAP_MS.1));
            if self.press(latency).is_err() {
                // Counted as what it took at least. What is late would be taken for the next: no more of them.
                latency.whole.add(PATIENCE);
                break;
            }
        }
        let drawn = moving.end();
        std::thread::sleep(MOVING_WARM_UP); // what is still under way
        watch.judge(&drawn, from).with_context(|| kind.name())
    }
}
