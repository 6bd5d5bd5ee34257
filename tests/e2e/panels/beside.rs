//! Panels beside each other and beside the picture: who has the keyboard, and how much room.

use sightline_tests::display::Display;
use sightline_tests::letters::{self, hand, terminal};
use sightline_tests::world::SOON;

use super::Scene;

/// The desktop of a user at work.
fn desktop() -> anyhow::Result<Display> {
    let mut user = Display::start(1024, 700)?;
    user.run("xsetroot", &["-solid", "#2f4f5f"])?;
    user.run("xclock", &["-geometry", "150x150+840+60"])?;
    user.run("xcalc", &["-geometry", "+780+290"])?;
    Ok(user)
}

#[test]
fn the_keyboard_goes_where_the_mouse_clicks() -> anyhow::Result<()> {
    let mut scene = Scene::on(desktop()?, "view,control,shell,files")?;
    scene.call('t')?;
    scene.agent.terminal.events.wait("shell_opened", SOON)?;
    scene.types("PS1='mira@workshop:~$ '; clear\n")?;
    letters::wait(scene.technician(), "mira@workshop", &terminal(), SOON)?;
    scene
        .agent
        .terminal
        .type_line("the printer says 'offline' again")?;
    scene.call('c')?;
    let message = hand(13.0, 0x00e4_e7ec, 0x0037_3c45);
    let words = "the printer says 'offline' again";
    letters::wait(scene.technician(), words, &message, SOON)?;
    scene.types("I restart its queue, one moment\n")?;
    let heard = scene.agent.terminal.events.wait("chat", SOON)?;
    assert_eq!(heard["text"], "I restart its queue, one moment");

    // A click into the terminal, and keys go there.
    let (x, y) = letters::find(scene.technician(), "mira@workshop", &terminal())?;
    scene.clicks(x, y + 60)?;
    scene.types("df -h /home | cat; echo queue restarted\n")?;
    letters::wait(scene.technician(), "queue restarted", &terminal(), SOON)?;
    scene.picture("panels")?;

    // A click into the picture, and they go to the desktop.
    let window = scene.stage.viewer_window()?;
    let (left, top, ..) = scene.technician().place(window)?;
    scene.clicks(left + 150, top + 220)?;
    scene.types("for the pad\n")?;
    let arrived = |_: &Display| Ok(scene.stage.pad.typed()? == "for the pad\n");
    scene.technician().until(SOON, "what was typed", arrived)?;

    // The edge between picture and terminal is drawn, and the terminal hears how large it is.
    let (x, y) = letters::find(scene.technician(), "mira@workshop", &terminal())?;
    scene.clicks(x, y + 60)?;
    scene.types("clear; stty size\n")?;
    letters::wait(scene.technician(), "mira@workshop", &terminal(), SOON)?;
    scene.picture("panels-before")?;
    super::files::drag(
        scene.technician(),
        (left + 300, y - 44),
        (left + 300, y - 144),
    )?;
    scene.types("clear; stty size\n")?;
    let grown = |display: &Display| {
        let sizes = (20..36).map(|rows| format!("{rows} "));
        for size in sizes {
            if letters::shows(display, &format!("{size}8"), &terminal())? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    scene.technician().until(SOON, "more rows", grown)?;
    scene.picture("panels-drawn")?;
    Ok(())
}
