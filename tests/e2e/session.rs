//! The main job: see, control, end, replay.

use std::time::Duration;

use sightline_tests::display::Display;
use sightline_tests::world::{SOON, World};

/// A terminal that fills the screen and shows what is typed.
fn desktop() -> anyhow::Result<Display> {
    let mut display = Display::start(1024, 700)?;
    display.run(
        "xterm",
        &[
            "-u8",
            "-fa",
            "Monospace",
            "-fs",
            "12",
            "-geometry",
            "70x20+40+120",
            "-T",
            "pad",
            "-e",
            "cat > /dev/null",
        ],
    )?;
    display.wait_window("pad", SOON)?;
    Ok(display)
}

#[test]
fn a_technician_sees_and_controls_and_the_recording_is_kept() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let user = desktop()?;
    let technician = Display::start(1200, 800)?;
    let (mut agent, mut viewer) = world.session(&user, &technician)?;
    let pad = user.wait_window("pad", SOON)?;
    let before = user.screenshot_of(pad)?;

    let window = technician.wait_window("Sightline", SOON)?;
    let (x, y, ..) = technician.place(window)?;
    let mut aside = 0;
    technician.until(SOON, "the user's pointer to follow", |technician| {
        aside = (aside + 7) % 70;
        technician.click(x + 300 + aside, y + 400, 1)?;
        Ok(user.pointer()? != (512, 350))
    })?;
    technician.type_text("hello, Sightline", Duration::from_millis(10))?;
    user.until(SOON, "what was typed", |user| {
        Ok(user.screenshot_of(pad)?.difference(&before) > 200)
    })?;

    technician.focus(window)?;
    drop(agent.terminal.type_line("")); // the prompt is gone; a line in the terminal changes nothing
    viewer.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(viewer.exit_code(SOON)?, 0);
    let closed = agent.terminal.events.wait("closed", SOON)?;
    assert_eq!(closed["reason"], "the technician left");
    assert_eq!(agent.terminal.exit_code(SOON)?, 0);
    assert_eq!(world.recordings()?.len(), 1);
    Ok(())
}
