//! The relay is blind: what passes through it in a session is neither on its disk nor in its memory.

use std::time::Duration;

use sightline_tests::display::Display;
use sightline_tests::memory::{find_in_files, find_in_process};
use sightline_tests::stage::{Stage, focus};
use sightline_tests::world::{ORGANISATION, SOON};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateGCAux, CreateWindowAux, ImageFormat, WindowClass,
};

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

/// Shows pixels on the user's screen that nobody else would draw, and gives them as they lie in memory: three and four
/// bytes each.
fn show_pixels(display: &Display) -> anyhow::Result<[Vec<u8>; 2]> {
    const SIDE: u16 = 64;
    let (x, root) = (display.connection(), display.root());
    let window = x.generate_id()?;
    let look = CreateWindowAux::new().override_redirect(1);
    let class = WindowClass::INPUT_OUTPUT;
    x.create_window(0, window, root, 900, 600, SIDE, SIDE, 0, class, 0, &look)?;
    x.map_window(window)?.check()?;
    let pen = x.generate_id()?;
    x.create_gc(pen, window, &CreateGCAux::new())?;
    let colour = |n: u32| n.wrapping_mul(0x9e37_79b9) >> 8;
    let square = u32::from(SIDE) * u32::from(SIDE);
    let four: Vec<u8> = (1..=square).flat_map(|n| colour(n).to_le_bytes()).collect();
    let format = ImageFormat::Z_PIXMAP;
    x.put_image(format, window, pen, SIDE, SIDE, 0, 0, 0, 24, &four)?
        .check()?;
    let row = &four[..4 * usize::from(SIDE)];
    let three = row
        .chunks(4)
        .flat_map(|pixel| pixel[..3].to_vec())
        .collect();
    Ok([three, row.to_vec()])
}

/// A pixel of that window has reached the viewer.
fn arrived(stage: &Stage, pixels: &[u8]) -> anyhow::Result<()> {
    let seen = |viewer: &[u8]| -> bool { viewer.chunks(4).any(|pixel| pixel[..3] == pixels[4..7]) };
    stage
        .technician
        .until(SOON, "the pixels in the viewer", |display| {
            let screen = display.screenshot()?;
            let bytes: Vec<u8> = screen.pixels.iter().flat_map(|p| p.to_le_bytes()).collect();
            Ok(seen(&bytes))
        })
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
    let screen = show_pixels(&stage.user)?;
    arrived(&stage, &screen[1])?;

    let mut secret = secrets(&agent.code);
    secret.extend(spellings(TYPED));
    secret.extend(spellings(SHOWN));
    secret.extend(screen);
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
    let screen = show_pixels(&stage.user)?;
    // The agent reports the code, the pad's file has what was typed, the X server has the screen.
    let report = stage.world.folder().join("agent-1.events");
    assert!(find_in_files(&report, &secrets(&agent.code))?.contains(&true));
    assert!(find_in_files(stage.pad.file(), &spellings(TYPED))?.contains(&true));
    let found = find_in_process(stage.user.server_pid(), &screen)?;
    assert_eq!(found, [false, true]);
    Ok(())
}

fn nothing(found: &[bool], place: &str) {
    let leaked: Vec<usize> = (0..found.len()).filter(|n| found[*n]).collect();
    assert!(
        leaked.is_empty(),
        "{place} holds the secrets number {leaked:?}"
    );
}
