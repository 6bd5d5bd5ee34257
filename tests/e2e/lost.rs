//! Programs that die and networks that go away: nothing stays pressed, both ends say why and end.
//!
//! A silent peer is believed gone after the link's idle time, 30 s. What needs that time runs side by side in one test.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use sightline_tests::proxy::Proxy;
use sightline_tests::stage::Stage;
use sightline_tests::world::{SOON, Setting, free_address, viewer_ends};

use crate::consent::{hold_a_key_and_a_button, released};

/// The link's idle time and what two busy cores need.
const IDLE: Duration = Duration::from_secs(45);
/// Keys of a technician who is not heard any more are let go of.
const PROMPTLY: Duration = Duration::from_secs(6);

/// A stage whose network can be cut.
pub fn behind_a_proxy() -> anyhow::Result<(Proxy, Stage)> {
    let listen = free_address()?;
    let proxy = Proxy::start(&listen, 1)?;
    let stage = Stage::with(Setting {
        announced: Some(proxy.address()),
        listen: Some(listen),
        ..Setting::default()
    })?;
    Ok((proxy, stage))
}

#[test]
fn a_network_gone_for_three_seconds_comes_back_to_the_same_session() -> anyhow::Result<()> {
    let (proxy, mut stage) = behind_a_proxy()?;
    let (mut agent, viewer) = stage.session()?;
    stage.type_through("before")?;
    proxy.cut();
    stage.type_line("into the dark")?;
    thread::sleep(Duration::from_secs(3));
    assert_eq!(stage.pad.typed()?, "before\n");
    proxy.restore();
    stage.user.until(SOON, "what was typed meanwhile", |_| {
        Ok(stage.pad.typed()? == "before\ninto the dark\n")
    })?;
    stage.type_through("after")?;
    viewer.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?, (0, "the technician left".into()));
    Ok(())
}

type Scene = fn() -> anyhow::Result<()>;

#[test]
fn whoever_dies_the_others_end_within_the_idle_time() -> anyhow::Result<()> {
    let scenes: [(&str, Scene); 4] = [
        ("the viewer is killed", viewer_killed),
        ("the agent is killed", agent_killed),
        ("the relay is killed", relay_killed),
        ("the network stays away", network_gone),
    ];
    thread::scope(|scope| {
        let running = scenes.map(|(name, scene)| (name, scope.spawn(scene)));
        for (name, scene) in running {
            let ended = scene.join().map_err(|_| anyhow::anyhow!("panicked"));
            ended.and_then(|ended| ended).context(name)?;
        }
        Ok(())
    })
}

fn viewer_killed() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut viewer) = stage.session()?;
    hold_a_key_and_a_button(&stage)?;
    viewer.process.0.kill()?;
    released(&stage, PROMPTLY)?;
    let reason = "the other side's connection was lost";
    assert_eq!(agent.ends(IDLE)?, (34, reason.into()));
    Ok(())
}

fn agent_killed() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut viewer) = stage.session()?;
    agent.terminal.kill()?;
    let reason = "the other side's connection was lost";
    assert_eq!(viewer_ends(&mut viewer, IDLE)?, (34, reason.into()));
    Ok(())
}

fn relay_killed() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut viewer) = stage.session()?;
    hold_a_key_and_a_button(&stage)?;
    stage.world.relay.process.0.kill()?;
    both_lose_the_link(&stage, &mut agent, &mut viewer)
}

fn network_gone() -> anyhow::Result<()> {
    let (proxy, mut stage) = behind_a_proxy()?;
    let (mut agent, mut viewer) = stage.session()?;
    hold_a_key_and_a_button(&stage)?;
    proxy.cut();
    both_lose_the_link(&stage, &mut agent, &mut viewer)
}

fn both_lose_the_link(
    stage: &Stage,
    agent: &mut sightline_tests::world::Agent,
    viewer: &mut sightline_tests::program::Program,
) -> anyhow::Result<()> {
    released(stage, PROMPTLY)?;
    let until = Instant::now() + IDLE;
    let left = || until.saturating_duration_since(Instant::now());
    let reason = "the network connection was lost";
    assert_eq!(agent.ends(left())?, (33, reason.into()));
    assert_eq!(viewer_ends(viewer, left())?, (33, reason.into()));
    Ok(())
}
