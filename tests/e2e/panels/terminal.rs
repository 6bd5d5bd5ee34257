//! Terminals in the window.

use sightline_tests::letters::{self, hand, terminal};
use sightline_tests::world::SOON;

use super::Scene;

#[test]
fn a_terminal_in_the_window_runs_on_the_users_computer() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,control,shell")?;
    scene.stage.type_through("to the desktop")?;
    scene.call('t')?;
    scene.agent.terminal.events.wait("shell_opened", SOON)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("there");
    scene.types("PS1='ready: '\n")?;
    letters::wait(scene.technician(), "ready:", &terminal(), SOON)?;
    scene.types(&format!("echo sum $((40+2)) | tee {}\n", file.display()))?;
    letters::wait(scene.technician(), "sum 42", &terminal(), SOON)?;
    assert_eq!(std::fs::read_to_string(&file)?, "sum 42\n");
    scene.picture("terminal")?;
    // Nothing of it went to the remote desktop, and what is typed after it goes there again.
    scene.call('t')?;
    scene.stage.type_through("and back")?;
    assert_eq!(scene.stage.pad.typed()?, "to the desktop\nand back\n");
    Ok(())
}

#[test]
fn the_right_taken_back_ends_the_windows_terminals_and_says_so() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,shell")?;
    scene.call('t')?;
    scene.agent.terminal.events.wait("shell_opened", SOON)?;
    scene.types("echo before\n")?;
    letters::wait(scene.technician(), "before", &terminal(), SOON)?;
    scene.takes_back("shell")?;
    let words = "The user has taken back the right to run commands.";
    let caution = hand(13.0, 0x00e3_a03c, 0x002a_2e35);
    letters::wait(scene.technician(), words, &caution, SOON)?;
    assert!(letters::shows(scene.technician(), "before", &terminal())?);
    scene.picture("terminal-taken-back")?;
    Ok(())
}
