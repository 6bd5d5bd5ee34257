//! The recording: who may open it, and what is said of one that was changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sightline_protocol::record::{Class, HEADER, Header};
use sightline_protocol::recording::{Entry, Kind, RecordingReader, entry_head};
use sightline_tests::display::Display;
use sightline_tests::letters::{self, hand, terminal};
use sightline_tests::program::{Program, run};
use sightline_tests::stage::{Stage, call_panel, focus};
use sightline_tests::world::{
    ORGANISATION, SOON, Setting, TECHNICIAN, World, found_organisation, text,
};

/// Several pictures' time: what was typed before has been taken.
const SETTLE: Duration = Duration::from_millis(500);

/// Colours of the panels: text, a technician's message and a user's, and what is over.
const INK: u32 = 0x00e4_e7ec;
const OWN: u32 = 0x002a_2e35;
const THEIRS: u32 = 0x0037_3c45;
const CAUTION: u32 = 0x00e3_a03c;
const GROUND: u32 = 0x001c_1f24;
const TITLE: u32 = 0x003d_7dd8;
const WEAK: u32 = 0x009d_a5b3;

/// The key that brings a replay back to its beginning (keysym).
const HOME: u32 = 0xff50;
/// Long enough to see that there are none.
const WITHOUT_FACTS: Duration = Duration::from_secs(4);

/// A world with the recording of one short session in it.
fn recorded() -> anyhow::Result<(Stage, PathBuf)> {
    let mut stage = Stage::set()?;
    let (mut agent, viewer) = stage.session()?;
    focus(&stage.user, stage.pad.window)?;
    stage.type_through("for the record")?;
    // So that the last picture holds the second line only: the tests bend it and look for the first.
    std::thread::sleep(SETTLE);
    stage.type_through("and its end")?;
    viewer.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?.0, 0);
    stage.world.relay.events.wait("over", SOON)?;
    let recording = stage.world.recordings()?.remove(0);
    Ok((stage, recording))
}

fn replay(world: &World, display: &Display, file: &Path, key: &Path) -> anyhow::Result<Program> {
    let (file, key) = (file.display().to_string(), key.display().to_string());
    let args = ["replay", &file, "--key", &key].map(std::ffi::OsStr::new);
    let log = world.folder().join("replay.log");
    let environment = [("DISPLAY", display.name())];
    Program::start("sightline", &args, &environment, &log)
}

/// Closes the window and gives the exit code.
fn close(replay: &mut Program, display: &Display) -> anyhow::Result<i32> {
    let window = display.wait_window("Recording of", SOON)?;
    display.close_window(window)?;
    replay.exit_code(SOON)
}

/// What a program said went wrong.
fn failure(program: &mut Program) -> anyhow::Result<String> {
    text(&program.events.wait("failed", SOON)?, "message")
}

/// Waits until the replay shows the beginning of what was typed into the pad, which was recorded before the last picture.
fn shows_the_pad(stage: &Stage) -> anyhow::Result<()> {
    let pad = stage.user.screenshot_of(stage.pad.window)?;
    let part = pad.crop(0, 0, 80, 16);
    let display = &stage.technician;
    display.until(SOON, "the recorded pad in the window", |display| {
        Ok(display.screenshot()?.find(&part).is_some())
    })
}

#[test]
fn the_auditor_sees_what_happened_and_the_facts_are_right() -> anyhow::Result<()> {
    let (mut stage, file) = recorded()?;
    stage.technician = Display::start(1300, 900)?;
    let key = stage.world.auditor_file();
    let mut replay = replay(&stage.world, &stage.technician, &file, &key)?;
    let facts = replay.events.wait("recording", SOON)?;
    assert_eq!(facts["technician"], TECHNICIAN);
    assert_eq!(facts["organisation"], ORGANISATION);
    assert_eq!(facts["granted"], "view, control");
    assert_eq!(facts["end"], "the technician left");
    assert!(facts["records"].as_u64() > Some(10), "{facts}");
    let name = file.file_stem().and_then(|name| name.to_str());
    assert_eq!(facts["session"].as_str(), name);
    shows_the_pad(&stage)?;
    assert_eq!(close(&mut replay, &stage.technician)?, 0);
    Ok(())
}

#[test]
fn another_organisations_auditor_opens_nothing() -> anyhow::Result<()> {
    let (stage, file) = recorded()?;
    found_organisation(stage.world.folder(), "other", "Other Support", 2)?;
    let key = stage.world.folder().join("other/auditors/auditor.auditor");
    let mut replay = replay(&stage.world, &stage.technician, &file, &key)?;
    assert_eq!(replay.exit_code(SOON)?, 1);
    let said = failure(&mut replay)?;
    assert!(said.contains("of another organisation"), "{said}");
    Ok(())
}

#[test]
fn an_auditor_appointed_later_does_not_open_what_was_before() -> anyhow::Result<()> {
    let (stage, file) = recorded()?;
    let org = stage.world.folder().join("org").display().to_string();
    for words in [&["auditor", "add", "Late"][..], &["bundle"]] {
        let args = [&["org", "--dir", &org], words].concat();
        let args: Vec<_> = args.into_iter().map(std::ffi::OsStr::new).collect();
        run("sightline", &args)?;
    }
    let key = stage.world.folder().join("org/auditors/Late.auditor");
    let mut replay = replay(&stage.world, &stage.technician, &file, &key)?;
    assert_eq!(close(&mut replay, &stage.technician)?, 1);
    let said = failure(&mut replay)?;
    assert!(said.contains("holds no key for this auditor"), "{said}");
    Ok(())
}

/// Where the records of a class lie in a recording: the places of their entries' heads and their bytes.
fn records(file: &Path, class: Class) -> anyhow::Result<Vec<(usize, Vec<u8>)>> {
    let bytes = std::fs::read(file)?;
    let mut reader = RecordingReader::open(&bytes[..])?;
    let mut found = Vec::new();
    loop {
        let at = reader.offset() as usize;
        match reader.next_entry()? {
            Some(Entry::Record(record)) => {
                let head = record.first_chunk::<HEADER>().map(Header::parse);
                if matches!(head, Some(Ok(header)) if header.class == class) {
                    found.push((at, record));
                }
            }
            Some(_) => {}
            None => return Ok(found),
        }
    }
}

/// A copy of the recording with other bytes.
fn bent(world: &World, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let path = world.folder().join("bent.slrec");
    std::fs::write(&path, bytes)?;
    Ok(path)
}

#[test]
fn a_flipped_bit_and_a_missing_end_are_said_and_what_is_whole_is_shown() -> anyhow::Result<()> {
    let (mut stage, file) = recorded()?;
    stage.technician = Display::start(1300, 900)?;
    let key = stage.world.auditor_file();
    let whole = std::fs::read(&file)?;
    let pictures = records(&file, Class::Picture)?;
    let (last, record) = pictures.last().ok_or(anyhow::anyhow!("no pictures"))?;
    let middle = last + 12 + record.len() / 2;

    let cut = bent(&stage.world, &whole[..middle])?;
    let mut torn = replay(&stage.world, &stage.technician, &cut, &key)?;
    let facts = torn.events.wait("recording", SOON)?;
    let end = facts["end"].as_str().unwrap_or_default();
    assert!(end.contains("ends inside an entry"), "{facts}");
    assert_eq!(close(&mut torn, &stage.technician)?, 0);

    let mut flipped = whole.clone();
    flipped[middle] ^= 4;
    let flipped = bent(&stage.world, &flipped)?;
    let mut broken = replay(&stage.world, &stage.technician, &flipped, &key)?;
    let said = broken.events.wait("playback_failed", SOON)?;
    let why = said["why"].as_str().unwrap_or_default();
    assert!(why.contains("do not match their checksum"), "{said}");
    assert_eq!(said["byte"].as_u64(), Some(*last as u64));
    shows_the_pad(&stage)?;
    assert_eq!(close(&mut broken, &stage.technician)?, 1);
    Ok(())
}

#[test]
fn a_recording_that_is_still_written_is_played_on_to_its_end() -> anyhow::Result<()> {
    let (mut stage, file) = recorded()?;
    stage.technician = Display::start(1300, 900)?;
    let key = stage.world.auditor_file();
    let whole = std::fs::read(&file)?;
    let pictures = records(&file, Class::Picture)?;
    // Inside an entry, as a file is found that is being written.
    let middle = pictures[pictures.len() / 2].0 + 40;
    let growing = bent(&stage.world, &whole[..middle])?;
    let mut replay = replay(&stage.world, &stage.technician, &growing, &key)?;
    replay.events.wait("recording", SOON)?;
    stage.technician.wait_window("Recording of", SOON)?;
    let mut rest = std::fs::OpenOptions::new().append(true).open(&growing)?;
    std::io::Write::write_all(&mut rest, &whole[middle..])?;
    shows_the_pad(&stage)?;
    assert_eq!(close(&mut replay, &stage.technician)?, 0);
    Ok(())
}

#[test]
fn a_forger_who_mends_the_checksum_is_found_by_the_seal() -> anyhow::Result<()> {
    let (stage, file) = recorded()?;
    let mut bytes = std::fs::read(&file)?;
    let pictures = records(&file, Class::Picture)?;
    let (at, record) = &pictures[0];
    let mut forged = record.clone();
    forged[HEADER + 1] ^= 1;
    let head = entry_head(Kind::Record, &[&forged]);
    bytes[*at..at + head.len()].copy_from_slice(&head);
    bytes[at + head.len()..at + head.len() + forged.len()].copy_from_slice(&forged);
    let file = bent(&stage.world, &bytes)?;
    let key = stage.world.auditor_file();
    let mut replay = replay(&stage.world, &stage.technician, &file, &key)?;
    let failed = replay.events.wait("playback_failed", SOON)?;
    let why = failed["why"].as_str().unwrap_or_default();
    assert!(why.contains("changed on its way"), "{failed}");
    assert_eq!(close(&mut replay, &stage.technician)?, 1);
    Ok(())
}

#[test]
fn terminals_and_chat_are_replayed_as_they_were() -> anyhow::Result<()> {
    let mut world = World::with(Setting::everything())?;
    let user = Display::start(640, 480)?;
    let (mut agent, holder) = world.held(&user, &["--ask", "view,shell"])?;
    let mut said = world.command(&["chat", "good day to you"])?;
    assert_eq!(said.exit_code(SOON)?, 0);
    let mut ran = world.glass(&["shell", "--", "echo first words; sleep 2; echo last words"])?;
    assert_eq!(ran.exit_code(SOON)?, 0);
    agent.terminal.type_line("thank you")?;
    std::thread::sleep(SETTLE);
    holder.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?.0, 0);
    world.relay.events.wait("over", SOON)?;
    let recording = world.recordings()?.remove(0);

    let auditor = Display::start(1100, 800)?;
    let mut replay = replay(&world, &auditor, &recording, &world.auditor_file())?;
    // Both panels open by themselves.
    letters::wait(&auditor, "first words", &terminal(), SOON)?;
    assert!(!letters::shows(&auditor, "last words", &terminal())?);
    letters::wait(&auditor, "good day to you", &hand(13.0, INK, OWN), SOON)?;
    letters::wait(&auditor, "last words", &terminal(), SOON)?;
    letters::wait(&auditor, "thank you", &hand(13.0, INK, THEIRS), SOON)?;
    letters::wait(
        &auditor,
        "The program ended.",
        &hand(13.0, CAUTION, OWN),
        SOON,
    )?;
    letters::keep(&auditor, "replay-panels")?;
    // Back at the beginning nothing has happened; the panels are there, and it all comes again.
    let window = auditor.wait_window("Recording of", SOON)?;
    focus(&auditor, window)?;
    for pressed in [true, false] {
        auditor.key(HOME, pressed)?;
    }
    auditor.until(SOON, "the beginning", |auditor| {
        Ok(!letters::shows(auditor, "last words", &terminal())?
            && !letters::shows(auditor, "thank you", &hand(13.0, INK, THEIRS))?)
    })?;
    letters::wait(&auditor, "last words", &terminal(), SOON)?;
    assert_eq!(close(&mut replay, &auditor)?, 0);
    Ok(())
}

#[test]
fn what_happened_is_listed_and_a_click_goes_there() -> anyhow::Result<()> {
    let mut world = World::with(Setting::everything())?;
    let user = Display::start(1024, 700)?;
    let (mut agent, mut holder) =
        world.held(&user, &["--ask", "view,files", "--reason", "paper jam"])?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("driver.bin");
    std::fs::write(&file, b"123456")?;
    std::fs::create_dir(folder.path().join("new"))?;
    let (file, to) = (
        file.display().to_string(),
        folder.path().display().to_string(),
    );
    let mut refused = world.command(&["send", &file, "--to", &to])?;
    agent.answer_files("n")?;
    assert_eq!(refused.exit_code(SOON)?, 1);
    let mut sent = world.command(&["send", &file, "--to", &format!("{to}/new")])?;
    agent.answer_files("y")?;
    assert_eq!(sent.exit_code(SOON)?, 0);
    std::thread::sleep(WITHOUT_FACTS);
    for words in [&["info"][..], &["note", "cleared the tray"]] {
        assert_eq!(world.command(words)?.exit_code(SOON)?, 0);
    }
    agent.terminal.events.wait("note", SOON)?;
    agent.terminal.type_line("/stop")?;
    assert_eq!(holder.exit_code(SOON)?, 0);
    world.relay.events.wait("over", SOON)?;

    let recording = world.recordings()?.remove(0);
    let auditor = Display::start(1200, 800)?;
    let mut replay = replay(&world, &auditor, &recording, &world.auditor_file())?;
    let window = auditor.wait_window("Recording of", SOON)?;
    focus(&auditor, window)?;
    call_panel(&auditor, 'l')?;
    let told = hand(12.0, INK, GROUND);
    letters::wait(
        &auditor,
        "driver.bin (6 bytes) to the user's computer",
        &told,
        SOON,
    )?;
    letters::wait(&auditor, "cleared the tray", &told, SOON)?;
    letters::keep(&auditor, "replay-log")?;
    // The newest facts of then are shown; before there were any, none.
    let note = letters::find(&auditor, "cleared the tray", &told)?;
    let sent = letters::find(
        &auditor,
        "driver.bin (6 bytes) to the user's computer",
        &told,
    )?;
    let title = hand(13.0, TITLE, GROUND);
    auditor.click(note.0, note.1, 1)?;
    call_panel(&auditor, 'i')?;
    letters::wait(&auditor, "Memory", &title, SOON)?;
    letters::keep(&auditor, "replay-facts")?;
    call_panel(&auditor, 'l')?;
    letters::wait(&auditor, "cleared the tray", &told, SOON)?;
    auditor.click(sent.0, sent.1, 1)?;
    call_panel(&auditor, 'i')?;
    let none = hand(13.0, WEAK, GROUND);
    letters::wait(
        &auditor,
        "The computer was not asked until now.",
        &none,
        SOON,
    )?;
    assert_eq!(close(&mut replay, &auditor)?, 0);
    Ok(())
}
