//! Commands that join a session which another program of the technician holds.

use sightline_tests::display::Display;
use sightline_tests::stage::Stage;
use sightline_tests::world::{SOON, World};

#[test]
fn a_session_without_a_window_is_joined_and_told_about() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let user = Display::start(640, 480)?;
    let mut none = world.command(&["info"])?;
    assert_eq!(none.exit_code(SOON)?, 1, "there is no session yet");
    let mut agent = world.share(&user, &[])?;
    let code = agent.code.clone();
    let mut holder = world.hold(&code, &[])?;
    agent.answer("y")?;
    holder.events.wait("holding", SOON)?;

    let mut status = world.command(&["status"])?;
    let session = status.events.wait("session", SOON)?;
    assert_eq!(session["allowed"], "view, control");
    let mut info = world.command(&["info"])?;
    let facts = info.events.wait("facts", SOON)?;
    assert_ne!(facts["processes"].as_array().map_or(0, Vec::len), 0);
    assert_eq!(facts["system"]["computer"], session["computer"]);
    assert!(facts["memory"]["total"].as_u64() > Some(1 << 20));

    holder.process.signal(rustix::process::Signal::INT)?;
    let closed = agent.terminal.events.wait("closed", SOON)?;
    assert_eq!(closed["reason"], "the technician left");
    assert_eq!(holder.exit_code(SOON)?, 0);
    let mut gone = world.command(&["status"])?;
    gone.events.wait("none", SOON)?;
    Ok(())
}

#[test]
fn a_window_and_a_command_share_a_session() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (_agent, _viewer) = stage.session()?;
    let mut info = stage.world.command(&["info"])?;
    info.events.wait("facts", SOON)?;
    assert_eq!(info.exit_code(SOON)?, 0);
    stage.type_through("still here")
}
