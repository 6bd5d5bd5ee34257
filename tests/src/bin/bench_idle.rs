//! What a session costs while nothing happens: processor time, wake-ups, memory, size on disk; TigerVNC beside.
//!
//! `bench_idle [--seconds N]`. One technician's window over one user's screen of 1080p, nothing moves on either.

use std::thread::sleep;
use std::time::{Duration, Instant};

use sightline_tests::display::Display;
use sightline_tests::measure::stages::{TECHNICIAN, USER};
use sightline_tests::measure::{Usage, load, memory, option, print_table, threads};
use sightline_tests::program::built;
use sightline_tests::vnc;
use sightline_tests::world::World;

/// How long the programs are watched.
const SECONDS: u64 = 30;
/// After the first picture, until all is at rest: window managers, path MTU discovery, the first pings.
const SETTLE: Duration = Duration::from_secs(8);

/// A program under watch.
struct Watched {
    name: &'static str,
    pid: u32,
}

impl Watched {
    fn new(name: &'static str, pid: u32) -> Watched {
        Watched { name, pid }
    }
}

fn main() -> anyhow::Result<()> {
    let watch_for = Duration::from_secs(option("--seconds", SECONDS)?);
    let mut lines = Vec::new();
    let mut sizes = Vec::new();
    sightline(watch_for, &mut lines, &mut sizes)?;
    tigervnc(watch_for, &mut lines, &mut sizes)?;
    print_table(
        &format!("Idle for {} s, % of one core", watch_for.as_secs()),
        &["", "scheduler", "ticks", "wake-ups/s"],
        &lines,
    );
    print_table(
        "Memory at 1080p, MB",
        &["", "resident", "most so far"],
        &sizes,
    );
    let mut files = Vec::new();
    for name in ["sightline-agent", "sightline", "sightline-relay"] {
        files.push(vec![name.to_owned(), mb(built(name)?.metadata()?.len())]);
    }
    print_table("Program files, MB", &["", "size"], &files);
    Ok(())
}

fn mb(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

fn sightline(
    watch_for: Duration,
    lines: &mut Vec<Vec<String>>,
    sizes: &mut Vec<Vec<String>>,
) -> anyhow::Result<()> {
    let mut world = World::start()?;
    let user = Display::start(USER.0, USER.1)?;
    let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
    let (agent, viewer) = world.session(&user, &technician)?;
    let programs = [
        Watched::new("sightline-agent", agent.terminal.pid()?),
        Watched::new("sightline-relay", world.relay.process.pid()),
        Watched::new("sightline (viewer)", viewer.process.pid()),
    ];
    watch(&programs, watch_for, lines, sizes)
}

fn tigervnc(
    watch_for: Duration,
    lines: &mut Vec<Vec<String>>,
    sizes: &mut Vec<Vec<String>>,
) -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
    let (server, _) = vnc::xvnc(USER.0, USER.1)?;
    let viewer = vnc::view(&server, &technician, home.path())?;
    let programs = [
        Watched::new("Xvnc (an X server, too)", server.process.pid()),
        Watched::new("vncviewer", viewer.pid()),
    ];
    watch(&programs, watch_for, lines, sizes)?;
    drop((viewer, server));
    if !vnc::has_scraper() {
        return Ok(());
    }
    let user = Display::start(USER.0, USER.1)?;
    let server = vnc::scrape(user.name())?;
    let _viewer = vnc::view(&server, &technician, home.path())?;
    let programs = [Watched::new("x0vncserver", server.process.pid())];
    watch(&programs, watch_for, lines, sizes)
}

/// Lets the programs be for that long, then adds a line for each.
fn watch(
    programs: &[Watched],
    watch_for: Duration,
    lines: &mut Vec<Vec<String>>,
    sizes: &mut Vec<Vec<String>>,
) -> anyhow::Result<()> {
    sleep(SETTLE);
    println!("load {}", load());
    let usage = |program: &Watched| Usage::of(program.pid);
    let before = programs.iter().map(usage).collect::<Result<Vec<_>, _>>()?;
    let threads_before = threads_of(programs)?;
    let began = Instant::now();
    sleep(watch_for);
    let after = programs.iter().map(usage).collect::<Result<Vec<_>, _>>()?;
    let seconds = began.elapsed().as_secs_f64();
    print_threads(&threads_before, &threads_of(programs)?, seconds);
    for (program, (before, after)) in programs.iter().zip(before.iter().zip(after)) {
        let used = after.since(*before);
        let percent = |time: Duration| format!("{:.4}", 100.0 * time.as_secs_f64() / seconds);
        lines.push(vec![
            program.name.to_owned(),
            percent(used.ran),
            percent(used.ticked),
            format!("{:.2}", used.wakes as f64 / seconds),
        ]);
        let (now, most) = memory(program.pid)?;
        sizes.push(vec![program.name.to_owned(), mb(now), mb(most)]);
    }
    Ok(())
}

type Thread = (String, (Duration, u64));

fn threads_of(programs: &[Watched]) -> anyhow::Result<Vec<Thread>> {
    let mut all = Vec::new();
    for program in programs {
        let threads = threads(program.pid)?;
        all.extend(
            threads
                .into_iter()
                .map(|(name, used)| (format!("{}: {name}", program.name), used)),
        );
    }
    Ok(all)
}

/// Says which threads did not sleep through.
fn print_threads(before: &[Thread], after: &[Thread], seconds: f64) {
    for (name, (ran, wakes)) in after {
        let then = before.iter().find(|(before, _)| before == name);
        let (ran_then, wakes_then) = then.map_or((Duration::ZERO, 0), |(_, used)| *used);
        let wakes = wakes.saturating_sub(wakes_then);
        if wakes > 0 {
            let ran_us = ran.saturating_sub(ran_then).as_micros();
            let each_s = wakes as f64 / seconds;
            println!("  {name}: {wakes} wake-ups ({each_s:.2}/s), {ran_us} µs");
        }
    }
}
