//! The facts in the window.

use sightline_tests::letters::{self, hand};
use sightline_tests::world::SOON;

use super::Scene;

#[test]
fn facts_are_shown_and_saved() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,control,shell")?;
    scene.call('i')?;
    let title = hand(13.0, 0x003d_7dd8, 0x001c_1f24);
    letters::wait(scene.technician(), "Memory", &title, SOON)?;
    scene.picture("facts")?;
    let place = letters::find(
        scene.technician(),
        "Save as JSON",
        &hand(12.0, 0x00e4_e7ec, 0x002a_2e35),
    )?;
    scene.technician().click(place.0, place.1, 1)?;
    let home = scene.stage.world.technician_home()?;
    let saved = || -> anyhow::Result<Option<std::path::PathBuf>> {
        let mut found = std::fs::read_dir(&home)?.filter_map(|entry| Some(entry.ok()?.path()));
        // It is there before it is written.
        let is_written = |path: &std::path::Path| path.metadata().is_ok_and(|it| it.len() > 0);
        let is_json = |path: &std::path::Path| path.extension().is_some_and(|end| end == "json");
        Ok(found.find(|path| is_json(path) && is_written(path)))
    };
    scene
        .technician()
        .until(SOON, "the file", |_| Ok(saved()?.is_some()))?;
    let file = saved()?.expect("just found");
    let facts: serde_json::Value = serde_json::from_slice(&std::fs::read(file)?)?;
    assert!(facts["memory"]["total"].as_u64() > Some(1 << 20));
    // Without the right to look there are no new ones; those that were told stay.
    scene.takes_back("view")?;
    scene.viewer.events.wait("allowed", SOON)?;
    letters::wait(scene.technician(), "Memory", &title, SOON)?;
    // And the picture is gone, with words in its place.
    let computer = facts["system"]["computer"].as_str().unwrap_or_default();
    let words = format!("The user of {computer} has taken back the right to see the screen.");
    letters::wait(
        scene.technician(),
        &words,
        &hand(14.0, 0x00e4_e7ec, 0x001c_1f24),
        SOON,
    )?;
    let white = scene.technician().screenshot()?;
    let white = white.pixels.iter().filter(|pixel| **pixel == 0x00ff_ffff);
    assert!(white.count() < 10_000, "the pad is not seen any more");
    scene.picture("facts-taken-back")?;
    Ok(())
}
