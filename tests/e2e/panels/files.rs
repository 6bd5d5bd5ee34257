//! Files in the window.

use std::path::{Path, PathBuf};

use sightline_tests::display::Display;
use sightline_tests::drop::drop_files;
use sightline_tests::letters::{self, Hand, hand};
use sightline_tests::world::SOON;

use super::Scene;

mod symbol {
    pub const TAB: u32 = 0xff09;
    pub const DOWN: u32 = 0xff54;
    pub const INSERT: u32 = 0xff63;
    pub const F5: u32 = 0xffc2;
}

/// Long enough that the next click counts as a first one.
const BETWEEN_DOUBLE_CLICKS: std::time::Duration = std::time::Duration::from_secs(1);

/// Names of files in a pane.
fn name() -> Hand {
    hand(13.0, 0x00e4_e7ec, 0x0013_1519)
}

/// Words about a transfer that is over, and one that wants something.
fn done() -> Hand {
    hand(12.0, 0x00e4_e7ec, 0x002a_2e35)
}

fn trouble() -> Hand {
    hand(12.0, 0x00e3_a03c, 0x002a_2e35)
}

/// Homes of both, with a few files.
fn homes(scene: &Scene) -> anyhow::Result<(PathBuf, PathBuf)> {
    let here = scene.stage.world.technician_home()?;
    let there = PathBuf::from(scene.stage.world.user_home()?);
    std::fs::create_dir_all(here.join("tools/deep"))?;
    std::fs::write(here.join("tools/deep/fix.sh"), "echo fixed\n")?;
    std::fs::write(here.join("driver.bin"), vec![7; 300_000])?;
    std::fs::write(there.join("printer.log"), "paper jam\n")?;
    std::fs::create_dir_all(there.join("Documents"))?;
    Ok((here, there))
}

fn press(scene: &Scene, key: u32) -> anyhow::Result<()> {
    scene.technician().key(key, true)?;
    scene.technician().key(key, false)
}

fn comes(scene: &Scene, file: &Path) -> anyhow::Result<()> {
    let what = format!("{}", file.display());
    let there = |_: &Display| Ok(file.exists());
    scene.technician().until(SOON, &what, there)
}

#[test]
fn files_go_both_ways_between_two_panes() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,control,files")?;
    let (here, there) = homes(&scene)?;
    scene.call('f')?;
    letters::wait(scene.technician(), "driver.bin", &name(), SOON)?;
    letters::wait(scene.technician(), "printer.log", &name(), SOON)?;
    // A folder and a file, by keys.
    press(&scene, symbol::INSERT)?;
    press(&scene, symbol::INSERT)?;
    press(&scene, symbol::F5)?;
    let asked = scene.agent.answer_files("y")?;
    let into = format!("Into: {}", there.display());
    let lines = asked["lines"].as_array().cloned().unwrap_or_default();
    assert!(lines.iter().any(|line| *line == into.as_str()), "{asked}");
    comes(&scene, &there.join("tools/deep/fix.sh"))?;
    letters::wait(scene.technician(), "2 files copied", &done(), SOON)?;
    assert_eq!(std::fs::read(there.join("driver.bin"))?, vec![7; 300_000]);
    scene.picture("files")?;
    // What is there already is asked about.
    press(&scene, symbol::F5)?;
    let choice = hand(12.0, 0x00e4_e7ec, 0x0037_3c45);
    letters::wait(scene.technician(), "Keep both", &choice, SOON)?;
    scene.picture("files-exist")?;
    let (x, y) = letters::find(scene.technician(), "Keep both", &choice)?;
    scene.technician().click(x, y, 1)?;
    scene.agent.answer_files("y")?;
    comes(&scene, &there.join("driver (2).bin"))?;
    // And back, by the mouse: dragged from one pane to the other.
    letters::wait(scene.technician(), "driver (2).bin", &name(), SOON)?;
    let from = letters::find(scene.technician(), "printer.log", &name())?;
    drag(scene.technician(), from, (from.0 - 500, from.1))?;
    scene.agent.answer_files("y")?;
    comes(&scene, &here.join("printer.log"))?;
    assert_eq!(
        std::fs::read_to_string(here.join("printer.log"))?,
        "paper jam\n"
    );
    // A folder of the user is opened by a double click: by another one, if the two came too far apart on a busy machine.
    let weak = hand(13.0, 0x009d_a5b3, 0x0013_1519);
    scene.technician().until(SOON, "the folder", |display| {
        if letters::find(display, "Nothing is in this folder.", &weak).is_ok() {
            return Ok(true);
        }
        if let Ok(at) = letters::find(display, "Documents", &name()) {
            display.click(at.0, at.1, 1)?;
            display.click(at.0, at.1, 1)?;
            std::thread::sleep(BETWEEN_DOUBLE_CLICKS);
        }
        Ok(false)
    })?;
    Ok(())
}

pub fn drag(display: &Display, from: (i32, i32), to: (i32, i32)) -> anyhow::Result<()> {
    use x11rb::protocol::xproto::{BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT};
    let pause = || std::thread::sleep(std::time::Duration::from_millis(40));
    display.move_to(from.0, from.1)?;
    display.fake(BUTTON_PRESS_EVENT, 1, 0, 0)?;
    for step in 1..=8 {
        pause();
        let part = |a: i32, b: i32| a + (b - a) * step / 8;
        display.move_to(part(from.0, to.0), part(from.1, to.1))?;
    }
    pause();
    display.fake(BUTTON_RELEASE_EVENT, 1, 0, 0)
}

#[test]
fn files_dropped_onto_the_window_are_sent() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,files")?;
    let (here, there) = homes(&scene)?;
    let files = [here.join("driver.bin"), here.join("tools")];
    let dropped: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let window = scene.stage.viewer_window()?;
    drop_files(scene.technician(), window, &dropped, SOON)?;
    // The panel opens and says what becomes of them: they go to the user's downloads.
    letters::wait(scene.technician(), "printer.log", &name(), SOON)?;
    let asked = scene.agent.answer_files("y")?;
    assert_eq!(
        scene.agent.terminal.events.count("files_asked"),
        1,
        "both at once: {asked}"
    );
    letters::wait(scene.technician(), "2 files copied", &done(), SOON)?;
    scene.picture("files-dropped")?;
    let sent = there.join("Downloads/tools/deep/fix.sh");
    assert_eq!(std::fs::read_to_string(sent)?, "echo fixed\n");
    Ok(())
}

#[test]
fn what_the_user_refuses_or_takes_back_is_said() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,files")?;
    let (here, there) = homes(&scene)?;
    // Takes longer than anything that is done meanwhile.
    std::fs::File::create(here.join("big.img"))?.set_len(8 << 30)?;
    scene.call('f')?;
    letters::wait(scene.technician(), "big.img", &name(), SOON)?;
    press(&scene, symbol::DOWN)?;
    press(&scene, symbol::F5)?;
    scene.agent.answer_files("n")?;
    letters::wait(
        scene.technician(),
        "The user did not allow it.",
        &trouble(),
        SOON,
    )?;
    press(&scene, symbol::F5)?;
    scene.agent.answer_files("y")?;
    comes(&scene, &there.join(".big.img.sightline-part"))?;
    scene.picture("files-running")?;
    scene.takes_back("files")?;
    let words = "The user has taken back the right to copy files.";
    letters::wait(scene.technician(), words, &trouble(), SOON)?;
    scene.picture("files-taken-back")?;
    press(&scene, symbol::TAB)?;
    press(&scene, symbol::F5)?;
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(!there.join("big.img").exists());
    Ok(())
}
