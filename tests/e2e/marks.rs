//! Pointing: what a technician who may only look draws on the user's screen.

use std::thread::sleep;
use std::time::Duration;

use sightline_tests::display::Display;
use sightline_tests::stage::{Stage, focus};
use sightline_tests::world::SOON;
use x11rb::protocol::xproto::{self, ConnectionExt as _, Window};

const INK: u32 = 0x00e5_2020;

/// From one step of a hand to the next.
const STEP: Duration = Duration::from_millis(8);

fn inked(display: &Display) -> anyhow::Result<usize> {
    let screen = display.screenshot()?;
    Ok(screen.pixels.iter().filter(|pixel| **pixel == INK).count())
}

/// The window that a click there would be for.
fn below_pointer(display: &Display) -> anyhow::Result<Window> {
    let root = display.root();
    Ok(display.connection().query_pointer(root)?.reply()?.child)
}

#[test]
fn what_is_drawn_is_seen_by_both_and_fades_and_clicks_nothing() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let mut agent = stage.world.share(&stage.user, &[])?;
    let args = ["--ask", "view"];
    let mut viewer = stage.world.connect(&stage.technician, &agent.code, &args)?;
    agent.answer("y")?;
    viewer.events.wait("granted", SOON)?;
    stage.pad_is_seen()?;
    focus(&stage.technician, stage.viewer_window()?)?;
    let window = stage.point_at_picture()?;
    let (x, y, width, height) = stage.technician.place(window)?;
    let (x, y) = (x + width as i32 / 2, y + height as i32 / 2);
    let pointer = stage.user.pointer()?;
    let below = below_pointer(&stage.user)?;
    assert_eq!(inked(&stage.user)?, 0);
    stage.technician.fake(xproto::BUTTON_PRESS_EVENT, 1, 0, 0)?;
    for step in 0..40 {
        stage.technician.move_to(x + 5 * step, y + 2 * step)?;
        sleep(STEP);
    }
    stage
        .technician
        .fake(xproto::BUTTON_RELEASE_EVENT, 1, 0, 0)?;
    let long = |display: &Display| Ok(inked(display)? > 600);
    stage.user.until(SOON, "the stroke at the user's", long)?;
    let back = |display: &Display| Ok(inked(display)? > 300);
    stage
        .technician
        .until(SOON, "the stroke at the technician's", back)?;
    assert_eq!(stage.user.pointer()?, pointer, "the user's pointer rests");
    assert_eq!(below_pointer(&stage.user)?, below);
    let gone = |display: &Display| Ok(inked(display)? == 0);
    stage.user.until(SOON, "the stroke to fade", gone)?;
    // A click is a point to look at; and the middle of the picture is not the window of the stroke.
    stage.technician.click(x, y, 1)?;
    let disc = |display: &Display| Ok((50..600).contains(&inked(display)?));
    stage.user.until(SOON, "the point at the user's", disc)?;
    assert_eq!(stage.user.pointer()?, pointer);
    assert!(stage.pad.typed()?.is_empty());
    Ok(())
}
