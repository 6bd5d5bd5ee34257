//! The main job, shown: a session from the code to the replay, on private displays, with its pictures and its
//! recording left in `target/demo`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sightline_tests::display::{Display, Image};
use sightline_tests::program::{Program, run};
use sightline_tests::world::{Agent, ORGANISATION, SOON, Setting, TECHNICIAN, World, text};

const PROOF: &str = "printer.txt";
const SENTENCE: &str = "The printer works again: 100% @ 300dpi {ok} ~ #1";
/// Keys for the measurement.
const KEYS: usize = 60;

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from("target/demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("cannot clear target/demo")?;
    }
    std::fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let began = Instant::now();

    step("a relay, an organisation with a technician and an auditor, two private displays");
    let mut world = World::with(Setting {
        folder: Some(folder.join("world")),
        ..Setting::default()
    })?;
    let user = desktop(&folder)?;
    let technician = Display::start(1500, 960)?;

    step("the user starts `sightline-agent share` and reads the code to the technician");
    let mut agent = world.share(&user, &[])?;
    let code = agent.code.clone();
    let mut viewer = world.connect(
        &technician,
        &code,
        &["--reason", "the printer does not print", "--ticket", "T-17"],
    )?;
    consent(&user, &mut agent, &folder)?;
    viewer.events.wait("granted", SOON)?;
    let window = technician.wait_window("Sightline", SOON)?;
    viewer.events.wait("round_trip", SOON)?;

    step("the technician clicks into the terminal and types");
    let (left, top, width, _) = technician.place(window)?;
    let (x, y, ..) = user.place(user.wait_window("pad", SOON)?)?;
    click_through(&user, &technician, left + x + 200, top + BAR + y + 200)?;
    let command = format!("echo '{SENTENCE}' > {PROOF}; cat {PROOF}\n");
    technician.type_text(&command, Duration::from_millis(4))?;
    let proof = folder.join(PROOF);
    technician.until(SOON, "what was typed", |_| {
        Ok(std::fs::read_to_string(&proof).is_ok_and(|text| text.trim_end() == SENTENCE))
    })?;
    let keys = measure_keys(&technician, left + x, top + BAR + y)?;
    clear_line(&technician)?;
    std::thread::sleep(Duration::from_millis(300));
    let exact = is_exact(&user, &technician, left, top + BAR)?;
    technician.screenshot()?.save(&folder.join("live.png"))?;

    step("the technician ends the session");
    technician.click(left + width as i32 - 24, top + BAR / 2, 1)?;
    let closed = viewer.events.wait("closed", SOON)?;
    ensure!(viewer.exit_code(SOON)? == 0, "the viewer failed: {closed}");
    let picture = agent.terminal.events.wait("picture", SOON)?;
    let closed = agent.terminal.events.wait("closed", SOON)?;

    step("the auditor proves it, and the relay's whole folder with its ledger");
    for line in prove(&world)?.lines().filter(|line| !line.is_empty()) {
        println!("    {line}");
    }
    step("the auditor replays the recording");
    let recording = world.recordings()?.pop().context("no recording")?;
    let kept = folder.join("session.slrec");
    std::fs::copy(&recording, &kept)?;
    let facts = replay(&world, &technician, &kept, &folder)?;

    println!("\n  what was seen");
    row("the session ended because", &text(&closed, "reason")?);
    row(
        "typed at the viewer, arrived on the user's computer",
        SENTENCE,
    );
    row("the viewer's picture equals the user's screen", exact);
    row("consent, as signed", &text(&facts, "consent")?);
    row(
        "the recording",
        &format!(
            "{} records, {} bytes, ended: {}",
            facts["records"],
            kept.metadata()?.len(),
            text(&facts, "end")?
        ),
    );
    println!("\n  what was measured (this machine, everything on it at once)");
    row(
        "key press to pixel, in the viewer, through a terminal",
        &keys,
    );
    row(
        "pictures",
        &format!(
            "{} of {} bytes, {} µs from grab to sealed (mean)",
            picture["frames"], picture["bytes"], picture["grab_to_sealed_mean_us"]
        ),
    );
    row(
        "the whole demo",
        &format!("{:.1} s", began.elapsed().as_secs_f64()),
    );
    println!(
        "\n  look at {0}/consent.png, {0}/live.png, {0}/replay.png; the recording is {0}/session.slrec",
        "target/demo"
    );
    Ok(())
}

/// Height of the viewer's bar in pixels; the picture begins below it.
const BAR: i32 = 28;

fn step(words: &str) {
    println!("• {words}");
}

fn row(what: &str, value: &str) {
    println!("    {what}: {value}");
}

/// A user's desktop with a few programs.
fn desktop(folder: &Path) -> anyhow::Result<Display> {
    let mut user = Display::start(1280, 800)?;
    user.run("xsetroot", &["-solid", "#2f4f5f"])?;
    user.run("xclock", &["-geometry", "180x180+1060+60", "-update", "1"])?;
    user.run("xcalc", &["-geometry", "+1000+330"])?;
    let shell = format!("cd '{}' && exec sh", folder.display());
    user.run(
        "xterm",
        &[
            "-u8",
            "-fa",
            "Monospace",
            "-fs",
            "12",
            "-geometry",
            "84x24+60+120",
            "-T",
            "pad",
            "-e",
            "sh",
            "-c",
            &shell,
        ],
    )?;
    for title in ["pad", "xclock", "Calculator"] {
        user.wait_window(title, SOON)?;
    }
    Ok(user)
}

/// Answers the question in the agent's terminal, as the user would.
fn consent(user: &Display, agent: &mut Agent, folder: &Path) -> anyhow::Result<()> {
    agent.terminal.events.wait("consent_asked", SOON)?;
    agent.terminal.wait_shown("[y/N/list]", SOON)?;
    std::thread::sleep(Duration::from_millis(400));
    user.screenshot()?.save(&folder.join("consent.png"))?;
    step(&format!(
        "the user is asked: {TECHNICIAN} of {ORGANISATION}…, and answers y"
    ));
    agent.terminal.type_line("y")?;
    agent.terminal.events.wait("granted", SOON)?;
    Ok(())
}

/// Clicks in the viewer until the user's pointer is there: the first picture may still be on its way.
fn click_through(user: &Display, technician: &Display, x: i32, y: i32) -> anyhow::Result<()> {
    let before = user.pointer()?;
    technician.until(SOON, "the click", |technician| {
        technician.click(x, y, 1)?;
        std::thread::sleep(Duration::from_millis(50));
        Ok(user.pointer()? != before)
    })
}

/// Time from a key press at the viewer to changed pixels there, through the terminal on the user's computer.
fn measure_keys(technician: &Display, x: i32, y: i32) -> anyhow::Result<String> {
    let mut times = Vec::new();
    for n in 0..KEYS {
        // Past the blinking and the echo of the key before; a varying pause, so as not to march in step with anything.
        std::thread::sleep(Duration::from_millis(40 + (n as u64 * 7) % 23));
        let look = || technician.region(x, y, 800, 200);
        let before = look()?;
        let pressed = Instant::now();
        technician.key(u32::from(b'x'), true)?;
        technician.key(u32::from(b'x'), false)?;
        while look()? == before {
            ensure!(pressed.elapsed() < SOON, "a key press changed nothing");
        }
        times.push(pressed.elapsed());
    }
    times.sort();
    let ms = |at: usize| times[at].as_secs_f64() * 1e3;
    Ok(format!(
        "median {:.1} ms, p95 {:.1} ms",
        ms(KEYS / 2),
        ms(KEYS * 95 / 100)
    ))
}

/// Ctrl-U.
fn clear_line(technician: &Display) -> anyhow::Result<()> {
    const CONTROL: u32 = 0xffe3;
    technician.key(CONTROL, true)?;
    technician.key(u32::from(b'u'), true)?;
    technician.key(u32::from(b'u'), false)?;
    technician.key(CONTROL, false)
}

/// Bit for bit, below the bar (but for the clock, which ticks, and the pointer, which is drawn by the server).
fn is_exact(user: &Display, technician: &Display, x: i32, y: i32) -> anyhow::Result<&'static str> {
    let mine: Image = user.screenshot()?;
    let (width, height) = (mine.width.min(1000), mine.height);
    let shown = technician.region(x, y, width as u16, height as u16)?;
    let same = mine.crop(0, 0, width, height).difference(&shown) == 0;
    Ok(if same { "bit for bit" } else { "NO" })
}

/// Fails unless everything is whole. Trusts nothing but the organisation's bundle.
fn prove(world: &World) -> anyhow::Result<String> {
    let recordings = world.folder().join("relay/recordings");
    let key = world.folder().join("org/org.bundle");
    let args = [
        "verify".as_ref(),
        recordings.as_os_str(),
        "--key".as_ref(),
        key.as_os_str(),
        "--forget".as_ref(),
    ];
    run("sightline", &args)
}

fn replay(
    world: &World,
    display: &Display,
    recording: &Path,
    folder: &Path,
) -> anyhow::Result<serde_json::Value> {
    let file = recording.display().to_string();
    let key = world.auditor_file().display().to_string();
    let args = ["replay", &file, "--key", &key, "--speed", "16"].map(OsStr::new);
    let environment = [("DISPLAY", display.name())];
    let log = folder.join("replay.log");
    let mut player = Program::start("sightline", &args, &environment, &log)?;
    let facts = player.events.wait("recording", SOON)?;
    display.wait_window("Recording of", SOON)?;
    std::thread::sleep(Duration::from_millis(1500));
    display.screenshot()?.save(&folder.join("replay.png"))?;
    Ok(facts)
}
