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
    let (mut agent, mut holder) = world.held(&user, &[])?;

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

#[test]
fn user_and_technician_talk_and_a_note_is_kept() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let user = Display::start(640, 480)?;
    let (mut agent, mut holder) = world.held(&user, &[])?;

    let mut first = world.command(&["chat", "Grüße, is the cable in?"])?;
    assert_eq!(first.exit_code(SOON)?, 0);
    let heard = agent.terminal.events.wait("chat", SOON)?;
    assert_eq!(heard["text"], "Grüße, is the cable in?");
    let mut talk = world.command(&["chat"])?;
    talk.events.wait("chat_before", SOON)?;
    agent
        .terminal
        .type_line("now it is, see http://example.org")?;
    let heard = talk.events.wait("chat", SOON)?;
    assert_eq!(heard["text"], "now it is, see http://example.org");

    agent.terminal.type_line("/take control")?;
    let allowed = agent.terminal.events.wait("allowed", SOON)?;
    assert_eq!(allowed["allowed"], "view");
    assert_eq!(holder.events.wait("allowed", SOON)?["allowed"], "view");
    agent.terminal.type_line("/halt")?;
    agent.terminal.events.wait("hint", SOON)?;

    let mut note = world.command(&["note", "plugged the cable in"])?;
    assert_eq!(note.exit_code(SOON)?, 0);
    agent.terminal.events.wait("note", SOON)?;
    agent.terminal.type_line("/stop")?;
    assert_eq!(
        agent.ends(SOON)?,
        (0, "the user stopped the session".into())
    );
    holder.exit_code(SOON)?;
    let home = world.agent_home().join("history");
    let file = std::fs::read_dir(home)?.next().expect("a history")?.path();
    let history = std::fs::read_to_string(file)?;
    assert!(
        history.contains("note = \"plugged the cable in\""),
        "{history}"
    );
    assert_said(&world)
}

/// The recording has every word, in order, and is whole: nothing was done after the right to it was taken back.
fn assert_said(world: &World) -> anyhow::Result<()> {
    world.audit("verify", &[])?;
    let lines = world.audit("export", &["--jsonl", "-"])?;
    let mut said = Vec::new();
    for line in lines.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        if matches!(event["event.action"].as_str(), Some("chat" | "note")) {
            said.push(event["message"].as_str().unwrap_or_default().to_owned());
        }
    }
    let expected = [
        "Grüße, is the cable in?",
        "now it is, see http://example.org",
        "plugged the cable in",
    ];
    assert_eq!(said, expected);
    Ok(())
}
