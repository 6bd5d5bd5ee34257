//! The user's word: no, silence, less, and no more.

use std::time::Duration;

use rustix::process::Signal;
use sightline_tests::stage::{KEY, Stage, focus};
use sightline_tests::world::{Agent, SOON, viewer_ends};

#[test]
fn denied_is_said_at_both_ends() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let mut agent = stage.world.share(&stage.user, &[])?;
    let mut viewer = stage.world.connect(&stage.technician, &agent.code, &[])?;
    agent.answer("n")?;
    let reason = "the user did not allow it";
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (10, reason.into()));
    assert_eq!(agent.ends(SOON)?, (10, reason.into()));
    assert_eq!(stage.world.recordings()?.len(), 0);
    Ok(())
}

#[test]
fn silence_means_no() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let mut agent = stage.world.share(&stage.user, &["--countdown", "5"])?;
    let mut viewer = stage.world.connect(&stage.technician, &agent.code, &[])?;
    let asked = viewer.events.wait("consent_asked", SOON)?;
    assert_eq!(asked["countdown_s"], 5);
    let reason = "nobody answered the question on the user's computer";
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (11, reason.into()));
    assert_eq!(agent.ends(SOON)?, (11, reason.into()));
    assert_eq!(stage.world.recordings()?.len(), 0);
    Ok(())
}

#[test]
fn who_may_only_view_changes_nothing() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let mut agent = stage.world.share(&stage.user, &[])?;
    let mut viewer = stage.world.connect(&stage.technician, &agent.code, &[])?;
    agent.answer("view")?;
    let granted = viewer.events.wait("granted", SOON)?;
    assert_eq!(granted["granted"], "view");
    stage.technician.wait_window("Sightline", SOON)?;
    viewer.events.wait("round_trip", SOON)?;

    focus(&stage.user, stage.pad.window)?;
    let pointer = stage.user.pointer()?;
    let window = stage.point_at_picture()?;
    focus(&stage.technician, window)?;
    let (x, y) = stage.technician.pointer()?;
    stage.technician.click(x, y, 1)?;
    stage
        .technician
        .type_text("nothing of this arrives\n", KEY)?;
    // What the user does now is seen after all of it.
    let before = stage.technician.screenshot()?;
    stage.user.type_text("seen\n", KEY)?;
    stage
        .technician
        .until(SOON, "the user's own typing", |technician| {
            Ok(technician.screenshot()?.difference(&before) > 50)
        })?;
    stage.user.until(SOON, "the user's line", |_| {
        Ok(stage.pad.typed()?.ends_with("seen\n"))
    })?;
    assert_eq!(stage.pad.typed()?, "seen\n");
    assert_eq!(stage.user.pointer()?, pointer);
    viewer.process.signal(Signal::INT)?;
    assert_eq!(agent.ends(SOON)?, (0, "the technician left".into()));
    assert_eq!(viewer.events.wait("picture", SOON)?["inputs"], 0);
    Ok(())
}

#[test]
fn ctrl_c_at_the_agent_stops_the_session_with_keys_released() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut viewer) = stage.session()?;
    hold_a_key_and_a_button(&stage)?;
    agent.terminal.signal(Signal::INT)?;
    stopped_by_the_user(&stage, &mut agent, &mut viewer)
}

#[test]
fn a_click_on_the_indicators_stop_stops_the_session() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut viewer) = stage.session()?;
    let indicator = stage.user.wait_window("Remote support", SOON)?;
    // Stop is at its right end. The technician's hand may move the pointer away once, when the viewer opens.
    stage.user.until(SOON, "the end of the session", |user| {
        let Ok((x, y, width, height)) = user.place(indicator) else {
            return Ok(true);
        };
        user.click(x + width as i32 - 20, y + height as i32 / 2, 1)?;
        Ok(false)
    })?;
    stopped_by_the_user(&stage, &mut agent, &mut viewer)
}

/// Presses `a` and the left button in the viewer, until both are down at the user.
pub fn hold_a_key_and_a_button(stage: &Stage) -> anyhow::Result<()> {
    use x11rb::protocol::xproto::{BUTTON_PRESS_EVENT, KeyButMask};
    focus(&stage.user, stage.pad.window)?;
    let window = stage.point_at_picture()?;
    focus(&stage.technician, window)?;
    stage.technician.key(u32::from(b'a'), true)?;
    stage.technician.fake(BUTTON_PRESS_EVENT, 1, 0, 0)?;
    stage
        .user
        .until(SOON, "a key and a button held down", |user| {
            let button = user.held()?.contains(KeyButMask::BUTTON1);
            Ok(button && !user.keys_down()?.is_empty())
        })
}

/// Nothing is held at the user's display any more.
pub fn released(stage: &Stage, within: Duration) -> anyhow::Result<()> {
    stage.user.until(within, "everything released", |user| {
        Ok(user.keys_down()?.is_empty() && u16::from(user.held()?) == 0)
    })
}

fn stopped_by_the_user(
    stage: &Stage,
    agent: &mut Agent,
    viewer: &mut sightline_tests::program::Program,
) -> anyhow::Result<()> {
    let reason = "the user stopped the session";
    assert_eq!(agent.ends(SOON)?, (0, reason.into()));
    // The X server may still be at the agent's last words.
    released(stage, Duration::from_secs(1))?;
    assert_eq!(viewer_ends(viewer, SOON)?, (0, reason.into()));
    assert_eq!(stage.user.find_window("Remote support")?, None);
    Ok(())
}

#[test]
fn ctrl_c_at_the_question_is_said_at_both_ends() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let mut agent = stage.world.share(&stage.user, &[])?;
    let mut viewer = stage.world.connect(&stage.technician, &agent.code, &[])?;
    agent.terminal.events.wait("consent_asked", SOON)?;
    agent.terminal.signal(Signal::INT)?;
    let reason = "the user stopped the session";
    assert_eq!(agent.ends(SOON)?, (0, reason.into()));
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (0, reason.into()));
    Ok(())
}
