//! Files that somebody else writes while they are copied.

use std::io::Write;

use super::*;

/// Copies a large file; `change` happens to it in the middle. What was left out, and why.
fn changed(
    scene: &mut Scene,
    name: &str,
    change: impl FnOnce(&Path) -> std::io::Result<()>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let (from, to) = (scene.at("from")?, scene.at("to")?);
    let file = from.join(name);
    fs::write(&file, large(INTERRUPTED))?;
    let mut fetch = scene.fetch(&file, &to)?;
    wait_for_part(&to.join(format!(".{name}.sightline-part")), 8 << 20)?;
    change(&file)?;
    let left_out = left_out(&mut fetch)?;
    let code = if left_out.is_empty() { 0 } else { 3 };
    assert_eq!(fetch.exit_code(SOON)?, code);
    assert_eq!(to.join(name).exists(), left_out.is_empty());
    Ok(left_out)
}

#[test]
fn a_file_that_changes_while_it_is_read_is_none_or_what_it_was() -> anyhow::Result<()> {
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    agree(&mut scene)?;
    let why = changed(&mut scene, "rewritten", |file| {
        let file = fs::File::options().write(true).open(file)?;
        std::os::unix::fs::FileExt::write_all_at(&file, b"changed", 5)
    })?;
    assert_eq!(why["rewritten"], "it changed while it was read");
    let why = changed(&mut scene, "shortened", |file| {
        fs::File::options()
            .write(true)
            .open(file)?
            .set_len(20 << 20)
    })?;
    assert_eq!(why["shortened"], "it became shorter while it was read");

    // A log that grows at its end: what it was when it was opened.
    let log = large(INTERRUPTED);
    let why = changed(&mut scene, "log", |file| {
        let mut file = fs::File::options().append(true).open(file)?;
        file.write_all(b"one more line\n")
    })?;
    assert!(why.is_empty(), "{why:?}");
    let arrived = fs::read(scene.at("to")?.join("log"))?;
    assert!(arrived == log, "{} bytes", arrived.len());
    Ok(())
}

#[test]
fn a_log_that_grows_while_the_user_thinks_comes_as_it_is_then() -> anyhow::Result<()> {
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    let (from, to) = (scene.at("from")?, scene.at("to")?);
    fs::write(from.join("log"), "a line\n")?;
    let mut fetch = scene.fetch(&from.join("log"), &to)?;
    scene.agent.terminal.events.wait("files_asked", SOON)?;
    fs::write(from.join("log"), "a line\nanother line\n")?;
    scene
        .agent
        .terminal
        .wait_shown("wants to copy files", SOON)?;
    scene.agent.terminal.type_line("y")?;
    fetch.events.wait("copied", SOON)?;
    assert_eq!(fetch.exit_code(SOON)?, 0);
    assert_eq!(
        fs::read_to_string(to.join("log"))?,
        "a line\nanother line\n"
    );
    Ok(())
}
