//! A relay whose disk does not keep up: what is not recorded is neither done nor shown, and both sides are told.

use std::time::Duration;

use sightline_protocol::recording::{Entry, RecordingReader};
use sightline_tests::disk::Syncs;
use sightline_tests::display::Image;
use sightline_tests::stage::Stage;
use sightline_tests::world::{SOON, text, viewer_ends};

/// Height of the viewer's bar in pixels.
const BAR: u32 = 28;
/// From the first record without a receipt to the end of the session, and what two busy cores need.
const GIVES_UP: Duration = Duration::from_secs(60);

#[test]
fn a_slow_disk_pauses_the_session_until_it_has_caught_up() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut viewer) = stage.session()?;
    stage.type_through("before")?;
    let Some(slow) = Syncs::slow(stage.world.relay.process.pid(), 8_000)? else {
        return Ok(());
    };
    stage.type_through("noticed")?;
    agent.terminal.events.wait("paused", SOON)?;
    let told = viewer.events.wait("refused", SOON)?;
    assert_eq!(
        text(&told, "why")?,
        "paused: the relay is behind with recording"
    );
    stage.type_line("while paused")?;
    agent.terminal.events.wait("input_dropped", SOON)?;
    if let Some(folder) = std::env::var_os("SIGHTLINE_PICTURES") {
        let folder = std::path::PathBuf::from(folder);
        stage
            .user
            .screenshot()?
            .save(&folder.join("paused-user.png"))?;
        stage
            .technician
            .screenshot()?
            .save(&folder.join("paused-technician.png"))?;
    }
    slow.heal()?;
    agent.terminal.events.wait("resumed", SOON)?;
    stage.type_through("after")?;
    assert!(!stage.pad.typed()?.contains("while paused"));
    viewer.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(viewer_ends(&mut viewer, SOON)?.0, 0);
    agent.ends(SOON)?;
    Ok(())
}

/// What the viewer shows below its bar, in which the round trip goes on being measured.
fn picture(stage: &Stage) -> anyhow::Result<Image> {
    let (x, y, width, height) = stage.technician.place(stage.viewer_window()?)?;
    let (y, height) = (y + BAR as i32, height - BAR);
    stage.technician.region(x, y, width as u16, height as u16)
}

#[test]
fn while_paused_nothing_is_captured_and_at_last_the_session_ends() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut viewer) = stage.session()?;
    let Some(_slow) = Syncs::slow(stage.world.relay.process.pid(), 120_000)? else {
        return Ok(());
    };
    stage.type_line("noticed")?;
    agent.terminal.events.wait("paused", SOON)?;
    // What is sealed but not written any more arrives; then the user's screen changes, and nobody sees it.
    std::thread::sleep(Duration::from_secs(1));
    let before = picture(&stage)?;
    stage
        .user
        .run("xterm", &["-geometry", "40x10+500+400", "-T", "unseen"])?;
    stage.user.wait_window("unseen", SOON)?;
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(picture(&stage)?.difference(&before), 0);

    let reason = "the relay did not confirm the recording";
    assert_eq!(agent.ends(GIVES_UP)?, (42, reason.into()));
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (42, reason.into()));
    Ok(())
}

#[test]
fn a_relay_that_keeps_up_is_never_waited_for() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, viewer) = stage.session()?;
    for n in 0..8 {
        stage.type_through(&format!("line {n}"))?;
        std::thread::sleep(Duration::from_millis(700));
    }
    viewer.process.signal(rustix::process::Signal::INT)?;
    agent.ends(SOON)?;
    assert!(!agent.terminal.events.has("paused"));
    let recordings = stage.world.recordings()?;
    let file = std::fs::File::open(&recordings[0])?;
    let mut reader = RecordingReader::open(std::io::BufReader::new(file))?;
    let entries = std::iter::from_fn(|| reader.next_entry().ok().flatten());
    assert!(
        entries
            .filter(|entry| matches!(entry, Entry::Receipt(_)))
            .count()
            > 2
    );
    Ok(())
}
