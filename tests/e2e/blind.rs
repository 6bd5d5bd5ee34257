//! The relay is blind: what passes through it in a session is neither on its disk nor in its memory.

use std::time::Duration;

use sightline_tests::memory::{find_in_files, find_in_process};
use sightline_tests::stage::{Stage, focus};
use sightline_tests::world::{ORGANISATION, SOON};

/// What nobody else would write anywhere.
const TYPED: &str = "quagga7zephyr";
const SHOWN: &str = "okapi4larkspur";

/// Text as ASCII, as UTF-16 and as 32-bit characters, which is also how key symbols follow each other.
fn spellings(text: &str) -> [Vec<u8>; 3] {
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf32 = text
        .chars()
        .flat_map(|c| (c as u32).to_le_bytes())
        .collect();
    [text.as_bytes().to_vec(), utf16, utf32]
}

/// The ways in which a code's secret could be written down.
fn secrets(code: &str) -> Vec<Vec<u8>> {
    let (_, secret) = code.split_once('-').unwrap_or_default();
    let digits: String = secret.chars().filter(char::is_ascii_digit).collect();
    let nine = &digits[..9];
    let grouped = &secret[..11];
    let numbers = nine.bytes().map(|digit| digit - b'0').collect();
    let spelled = [nine, grouped].into_iter().flat_map(spellings);
    spelled.chain([numbers]).collect()
}

/// A stretch of the user's screen inside the pad, as its pixels lie in memory.
fn pixels(stage: &Stage) -> anyhow::Result<Vec<u8>> {
    let pad = stage.user.screenshot_of(stage.pad.window)?;
    // The row and stretch with most changes: text.
    const STRETCH: usize = 96;
    let rows = pad.pixels.chunks(pad.width as usize);
    let stretches = rows.flat_map(|row| row.windows(STRETCH).step_by(16));
    let changes = |stretch: &&[u32]| stretch.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let richest = stretches.max_by_key(changes).unwrap_or_default();
    anyhow::ensure!(changes(&richest) > 20, "no text is shown");
    Ok(richest
        .iter()
        .flat_map(|pixel| pixel.to_le_bytes()[..3].to_vec())
        .collect())
}

#[test]
fn neither_the_relays_disk_nor_its_memory_holds_what_passed() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (agent, viewer) = stage.session()?;
    focus(&stage.user, stage.pad.window)?;
    stage
        .user
        .type_text(&format!("{SHOWN}\n"), Duration::ZERO)?;
    stage.type_through(TYPED)?;
    let screen = pixels(&stage)?;

    let mut secret = secrets(&agent.code);
    secret.extend(spellings(TYPED));
    secret.extend(spellings(SHOWN));
    secret.extend([with_padding(&screen), screen]);
    let known = [ORGANISATION.as_bytes().to_vec()];

    let pid = stage.world.relay.process.pid();
    nothing(
        &find_in_process(pid, &secret)?,
        "the relay's memory in a session",
    );
    assert_eq!(
        find_in_process(pid, &known)?,
        [true],
        "the search must find what is there"
    );

    viewer.process.signal(rustix::process::Signal::INT)?;
    stage.world.relay.events.wait("over", SOON)?;
    nothing(
        &find_in_process(pid, &secret)?,
        "the relay's memory after it",
    );
    let folder = stage.world.folder();
    assert_eq!(stage.world.recordings()?.len(), 1);
    for place in ["relay", "relay.log"] {
        nothing(&find_in_files(&folder.join(place), &secret)?, place);
    }
    assert_eq!(find_in_files(&folder.join("relay"), &known)?, [true]);
    Ok(())
}

#[test]
fn the_same_search_finds_the_same_secrets_where_they_are() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (agent, _viewer) = stage.session()?;
    stage.type_through(TYPED)?;
    // The agent reports the code, the pad's file has what was typed, the X server has the screen.
    let report = stage.world.folder().join("agent-1.events");
    assert!(find_in_files(&report, &secrets(&agent.code))?.contains(&true));
    assert!(find_in_files(stage.pad.file(), &spellings(TYPED))?.contains(&true));
    let screen = with_padding(&pixels(&stage)?);
    assert_eq!(find_in_process(stage.user.server_pid(), &[screen])?, [true]);
    Ok(())
}

/// Three bytes a pixel to four, as screens have it.
fn with_padding(screen: &[u8]) -> Vec<u8> {
    let pixels = screen.chunks(3);
    pixels.flat_map(|p| [p[0], p[1], p[2], 0]).collect()
}

fn nothing(found: &[bool], place: &str) {
    let leaked: Vec<usize> = (0..found.len()).filter(|n| found[*n]).collect();
    assert!(
        leaked.is_empty(),
        "{place} holds the secrets number {leaked:?}"
    );
}
