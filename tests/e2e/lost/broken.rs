//! A line that is silent for longer than people wait for an echo, and comes back: the same session goes on, both people knew,
//! and nothing is done that was meant for another moment.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use sightline_protocol::id::Digest;
use sightline_tests::display::Display;
use sightline_tests::letters::keep;
use sightline_tests::program::run;
use sightline_tests::proxy::Proxy;
use sightline_tests::stage::Stage;
use sightline_tests::world::{SOON, Setting, World, free_address, text};

use super::behind_a_proxy;

/// Longer than a router takes to start anew.
const BREAK: Duration = Duration::from_secs(45);
/// From the line's return until all goes on, knocks once a second and two busy cores counted in.
const BACK: Duration = Duration::from_secs(6);
/// A silence is told within so long, whoever notices it.
const TOLD: Duration = Duration::from_secs(12);

fn until(broken: Instant, after: Duration) {
    thread::sleep(after.saturating_sub(broken.elapsed()));
}

/// The newest recording says that nothing is missing and that both signed to the end.
fn is_whole(world: &mut World) -> anyhow::Result<()> {
    world.relay.events.wait("over", SOON)?;
    let file = world.recordings()?.pop().context("no recording")?;
    let key = world.auditor_file();
    let args = [
        "verify".as_ref(),
        file.as_os_str(),
        "--key".as_ref(),
        key.as_os_str(),
        "--forget".as_ref(),
    ];
    let words = run("sightline", &args)?;
    anyhow::ensure!(words.contains("WHOLE"), "{words}");
    Ok(())
}

pub(super) fn a_person_comes_back_to_the_same_session() -> anyhow::Result<()> {
    let (proxy, mut stage) = behind_a_proxy()?;
    let (mut agent, mut viewer) = stage.session()?;
    stage.type_through("before")?;
    proxy.cut();
    let broken = Instant::now();
    stage.type_line("too late")?;
    viewer.events.wait("line_silent", TOLD)?;
    eprintln!("the technician was told after {:?}", broken.elapsed());
    agent.terminal.events.wait("line_silent", TOLD)?;
    eprintln!("the user was told after {:?}", broken.elapsed());
    stage.type_line("not sent")?;
    keep(&stage.user, "silent-user")?;
    keep(&stage.technician, "silent-technician")?;
    until(broken, BREAK);
    // Meanwhile the user's screen has changed.
    let red = ["-bg", "#ff0000", "-geometry", "60x12+300+420", "-T", "red"];
    stage.user.run("xterm", &red)?;
    stage.user.wait_window("red", SOON)?;
    thread::sleep(Duration::from_secs(1));
    proxy.restore();
    let back = Instant::now();
    viewer.events.wait("line_back", BACK)?;
    eprintln!("back at the technician after {:?}", back.elapsed());
    agent.terminal.events.wait("line_back", BACK)?;
    eprintln!("back at the user after {:?}", back.elapsed());
    stage.technician.until(BACK, "the newest picture", is_red)?;
    eprintln!("the picture was fresh after {:?}", back.elapsed());
    stage.type_through("after")?;
    eprintln!("and a line was typed after {:?}", back.elapsed());
    assert_eq!(stage.pad.typed()?, "before\nafter\n");
    viewer.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?, (0, "the technician left".into()));
    is_whole(&mut stage.world)
}

fn is_red(display: &Display) -> anyhow::Result<bool> {
    let red = |pixel: &&u32| (**pixel >> 16) & 0xff > 0xf0 && (**pixel & 0xffff) < 0x1010;
    let screen = display.screenshot()?;
    Ok(screen.pixels.iter().filter(red).count() > 10_000)
}

/// Bytes of the file that is under way when the line breaks.
const FILE: usize = 6 << 20;

pub(super) fn files_and_terminals_go_on_by_themselves() -> anyhow::Result<()> {
    let listen = free_address()?;
    let proxy = Proxy::start(&listen, 1)?;
    let user = Display::start(640, 480)?;
    let mut world = World::with(Setting {
        announced: Some(proxy.address()),
        listen: Some(listen),
        ..Setting::everything()
    })?;
    let (mut agent, mut holder) = world.held(&user, &["--ask", "view,shell,files"])?;
    let shell = [
        "shell",
        "--",
        "PS1='ready> ' exec bash --norc --noprofile -i",
    ];
    let mut glass = world.glass(&shell)?;
    glass.wait("ready>", SOON)?;
    // Slow enough that it is under way for some seconds.
    proxy.set(sightline_tests::proxy::Conditions {
        rate: Some(1_000_000),
        queue: 200_000,
        ..Default::default()
    });
    let folder = world.folder().canonicalize()?;
    let (from, to) = (folder.join("from"), folder.join("to"));
    std::fs::create_dir(&to)?;
    let bytes: Vec<u8> = (0..FILE as u64).map(|n| ((n * n) >> 7) as u8).collect();
    std::fs::write(&from, &bytes)?;
    let to = to.display().to_string();
    let mut send = world.command(&["send", &from.display().to_string(), "--to", &to])?;
    agent.answer_files("y")?;
    thread::sleep(Duration::from_millis(1_500));
    proxy.cut();
    let broken = Instant::now();
    glass.keys("echo $((6*7))-typed-ahead\r")?;
    holder.events.wait("line_silent", TOLD)?;
    until(broken, BREAK);
    anyhow::ensure!(
        !glass.text().contains("42-typed-ahead"),
        "the line is not cut"
    );
    proxy.restore();
    let back = Instant::now();
    holder.events.wait("line_back", BACK)?;
    glass.wait("42-typed-ahead", BACK)?;
    eprintln!("the terminal went on after {:?}", back.elapsed());
    let file = send.events.wait("file", SOON)?;
    eprintln!("the file was there after {:?}", back.elapsed());
    assert_eq!(file["sha256"], Digest::of(&[&bytes]).to_string());
    assert_eq!(send.exit_code(SOON)?, 0);
    glass.keys("exit 3\r")?;
    assert_eq!(glass.exit_code(SOON)?, 3);
    holder.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?.0, 0);
    is_whole(&mut world)
}

/// From a relay's end until who waits behind it knows for sure.
const KNOWN: Duration = Duration::from_secs(60);

pub(super) fn who_waits_for_a_technician_gets_a_new_code_when_the_relay_is_back()
-> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let mut agent = stage.world.share(&stage.user, &[])?;
    let dead = agent.code.clone();
    stage.world.relay.process.0.kill()?;
    let killed = Instant::now();
    agent.terminal.events.wait("relay_silent", KNOWN)?;
    eprintln!("a dead relay was noticed after {:?}", killed.elapsed());
    agent.terminal.events.wait("relay_lost", KNOWN)?;
    eprintln!("and given up after {:?}", killed.elapsed());
    thread::sleep(Duration::from_secs(2));
    stage.world.restart_relay()?;
    let back = Instant::now();
    agent.terminal.events.wait("code_replaced", KNOWN)?;
    agent.code = text(&agent.terminal.events.wait("code", SOON)?, "code")?;
    eprintln!("a new code after {:?}", back.elapsed());
    assert_ne!(agent.code, dead);
    let mut viewer = stage
        .world
        .connect(&stage.technician, &agent.code.clone(), &[])?;
    agent.answer("y")?;
    agent.terminal.events.wait("granted", SOON)?;
    viewer.events.wait("granted", SOON)?;
    agent.terminal.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?.0, 0);
    Ok(())
}
