//! An agent and what holds its session, on one computer or at the two ends of a cable.

use crate::cable::{Cable, End};
use crate::display::Display;
use crate::glass::Glass;
use crate::program::Program;
use crate::world::{Agent, SOON, Setting, World};

use super::memory;

/// Where the relay listens on a cable: at the user's end, so that one way of two is bad.
pub const RELAY_PORT: u16 = 9_000;

/// A running session.
pub struct Remote<'a> {
    cable: Option<&'a Cable>,
    // Order matters: programs end before their display.
    holder: Program,
    pub agent: Agent,
    world: World,
    _user: Display,
}

impl<'a> Remote<'a> {
    /// A session with everything allowed that is asked for, such as `shell`.
    pub fn begin(cable: Option<&'a Cable>, ask: &str) -> anyhow::Result<Remote<'a>> {
        let setting = Setting {
            listen: cable.map(|_| format!("{}:{RELAY_PORT}", End::User.address())),
            ..Setting::everything()
        };
        let user = Display::start(640, 480)?;
        let (mut world, mut agent) = at(cable, End::User, || {
            let mut world = World::with(setting)?;
            let agent = world.share(&user, &[])?;
            Ok((world, agent))
        })?;
        let code = agent.code.clone();
        let args = ["--ask", ask];
        let mut holder = at(cable, End::Technician, || world.hold(&code, &args))?;
        agent.answer("y")?;
        holder.events.wait("holding", SOON)?;
        Ok(Remote {
            cable,
            holder,
            agent,
            world,
            _user: user,
        })
    }

    /// A command of the technician.
    pub fn command(&mut self, args: &[&str]) -> anyhow::Result<Program> {
        at(self.cable, End::Technician, || self.world.command(args))
    }

    /// The same in a terminal.
    pub fn glass(&self, args: &[&str]) -> anyhow::Result<Glass> {
        at(self.cable, End::Technician, || self.world.glass(args))
    }

    /// What agent, holder and relay needed of memory at most, in bytes.
    pub fn memory(&self) -> anyhow::Result<[u64; 3]> {
        let peak = |pid| memory(pid).map(|(_, most)| most);
        let agent = peak(self.agent.terminal.pid()?)?;
        let holder = peak(self.holder.process.pid())?;
        Ok([agent, holder, peak(self.world.relay.process.pid())?])
    }
}

fn at<T>(
    cable: Option<&Cable>,
    end: End,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    match cable {
        Some(cable) => cable.at(end, work),
        None => work(),
    }
}
