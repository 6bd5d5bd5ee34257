//! Programs that die and networks that go away: nothing stays pressed, both ends say why and end, or go on.
//!
//! A silent end is waited for as long as the relay's configuration says; here for 20 s, where somebody dies. What needs such
//! times runs side by side in one test.

mod broken;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use sightline_tests::proxy::Proxy;
use sightline_tests::stage::Stage;
use sightline_tests::world::{SOON, Setting, free_address, viewer_ends};

use crate::consent::{hold_a_key_and_a_button, released};

/// For so long these relays wait for a silent end, in seconds.
const SILENCE_S: &str = "20";
/// The same and what two busy cores need.
const IDLE: Duration = Duration::from_secs(35);
/// Keys of a technician who is not heard any more are let go of.
const PROMPTLY: Duration = Duration::from_secs(6);

/// A stage whose network can be cut.
pub fn behind_a_proxy() -> anyhow::Result<(Proxy, Stage)> {
    behind_a_proxy_with(Setting::default())
}

fn behind_a_proxy_with(setting: Setting) -> anyhow::Result<(Proxy, Stage)> {
    let listen = free_address()?;
    let proxy = Proxy::start(&listen, 1)?;
    let stage = Stage::with(Setting {
        announced: Some(proxy.address()),
        listen: Some(listen),
        ..setting
    })?;
    Ok((proxy, stage))
}

/// With a relay that soon takes the silent for dead.
fn impatient() -> Setting {
    Setting {
        relay_config: vec![("silence_s".into(), SILENCE_S.into())],
        ..Setting::default()
    }
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

#[test]
fn another_address_is_the_same_session() -> anyhow::Result<()> {
    let (proxy, mut stage) = behind_a_proxy()?;
    let (mut agent, mut viewer) = stage.session()?;
    stage.type_through("at home")?;
    for place in ["on the way", "at the office", "at rest"] {
        if place == "at rest" {
            thread::sleep(Duration::from_secs(4));
        }
        proxy.move_clients();
        let moved = Instant::now();
        stage.type_through(place)?;
        eprintln!("typed {place} after {:?}", moved.elapsed());
    }
    // At rest both were quiet, and neither noticed.
    let said = |events: &[String]| events.iter().any(|line| line.contains("line_silent"));
    assert!(!said(viewer.events.heard()));
    viewer.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?, (0, "the technician left".into()));
    assert!(!said(agent.terminal.events.heard()));
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
    side_by_side(&scenes)
}

#[test]
fn a_line_that_was_silent_for_long_comes_back_to_the_same_session() -> anyhow::Result<()> {
    side_by_side(&[
        ("a person", broken::a_person_comes_back_to_the_same_session),
        ("commands", broken::files_and_terminals_go_on_by_themselves),
        (
            "who waits",
            broken::who_waits_for_a_technician_gets_a_new_code_when_the_relay_is_back,
        ),
    ])
}

fn side_by_side(scenes: &[(&str, Scene)]) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let running = scenes
            .iter()
            .map(|(name, scene)| (name, scope.spawn(scene)));
        for (name, scene) in running.collect::<Vec<_>>() {
            let ended = scene.join().map_err(|_| anyhow::anyhow!("panicked"));
            ended.and_then(|ended| ended).context(name.to_string())?;
        }
        Ok(())
    })
}

fn viewer_killed() -> anyhow::Result<()> {
    let mut stage = Stage::with(impatient())?;
    let (mut agent, mut viewer) = stage.session()?;
    hold_a_key_and_a_button(&stage)?;
    viewer.process.0.kill()?;
    released(&stage, PROMPTLY)?;
    let reason = "the other side's connection was lost";
    assert_eq!(agent.ends(IDLE)?, (34, reason.into()));
    Ok(())
}

fn agent_killed() -> anyhow::Result<()> {
    let mut stage = Stage::with(impatient())?;
    let (mut agent, mut viewer) = stage.session()?;
    agent.terminal.kill()?;
    let reason = "the other side's connection was lost";
    assert_eq!(viewer_ends(&mut viewer, IDLE)?, (34, reason.into()));
    Ok(())
}

fn relay_killed() -> anyhow::Result<()> {
    let mut stage = Stage::with(impatient())?;
    let (mut agent, mut viewer) = stage.session()?;
    hold_a_key_and_a_button(&stage)?;
    stage.world.relay.process.0.kill()?;
    both_lose_the_link(&stage, &mut agent, &mut viewer)
}

fn network_gone() -> anyhow::Result<()> {
    let (proxy, mut stage) = behind_a_proxy_with(impatient())?;
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
