//! The talk in the window.

use sightline_tests::letters::{self, Hand, hand};
use sightline_tests::world::SOON;

use super::Scene;

fn message(own: bool) -> Hand {
    let ground = if own { 0x002a_2e35 } else { 0x0037_3c45 };
    hand(13.0, 0x00e4_e7ec, ground)
}

#[test]
fn user_and_technician_talk_in_the_window() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,control")?;
    scene.agent.terminal.type_line("can you see it?")?;
    // Unread messages are counted on the button.
    let unread = hand(12.0, 0x00ff_ffff, 0x003d_7dd8);
    letters::wait(scene.technician(), "Chat 1", &unread, SOON)?;
    scene.call('c')?;
    letters::wait(scene.technician(), "can you see it?", &message(false), SOON)?;
    assert!(!letters::shows(scene.technician(), "Chat 1", &unread)?);

    scene.types("yes -- see http://example.org/?a=1")?;
    scene.picture("chat-draft")?;
    scene.types("\n")?;
    let heard = scene.agent.terminal.events.wait("chat", SOON)?;
    assert_eq!(heard["text"], "yes -- see http://example.org/?a=1");
    // What another program of the technician says is in the window, too.
    let mut other = scene.stage.world.command(&["chat", "said elsewhere"])?;
    assert_eq!(other.exit_code(SOON)?, 0);
    letters::wait(scene.technician(), "said elsewhere", &message(true), SOON)?;
    scene.agent.terminal.type_line("thanks")?;
    letters::wait(scene.technician(), "thanks", &message(false), SOON)?;
    scene.picture("chat")?;
    scene.call('c')?;
    scene.stage.type_through("back at the desktop")?;
    assert_eq!(scene.stage.pad.typed()?, "back at the desktop\n");
    Ok(())
}
