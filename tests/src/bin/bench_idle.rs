//! What a session costs while nothing happens: processor time, wake-ups, memory, size on disk; TigerVNC beside.
//!
//! `bench_idle [--seconds N]`. One technician's window over one user's screen of 1080p, nothing moves on either.

use std::thread::sleep;
use std::time::{Duration, Instant};

use sightline_tests::display::Display;
use sightline_tests::measure::stages::{TECHNICIAN, USER};
use sightline_tests::measure::{
    Usage, conclude, load, memory, option, print_table, threads, usage,
};
use sightline_tests::program::built;
use sightline_tests::vnc;
use sightline_tests::world::World;

/// How long the programs are watched.
const SECONDS: u64 = 30;
/// After the first picture, until all is at rest: window managers, path MTU discovery, the first pings.
const SETTLE: Duration = Duration::from_secs(8);

/// Names of ours.
const AGENT: &str = "sightline-agent";
const VIEWER: &str = "sightline (viewer)";

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

/// What it used.
struct Used {
    name: &'static str,
    usage: Usage,
    seconds: f64,
    /// Resident, and at most so far, in bytes.
    memory: (u64, u64),
}

impl Used {
    /// Of one core.
    fn percent(&self) -> f64 {
        100.0 * self.usage.ran.as_secs_f64() / self.seconds
    }
}

fn main() -> anyhow::Result<()> {
    usage("bench_idle [--seconds N]")?;
    let watch_for = Duration::from_secs(option("--seconds", SECONDS)?);
    let mut all = sightline(watch_for)?;
    all.extend(tigervnc(watch_for)?);
    print_table(
        &format!("Idle for {} s, % of one core", watch_for.as_secs()),
        &["", "scheduler", "ticks", "wake-ups/s"],
        &all.iter().map(idle_row).collect::<Vec<_>>(),
    );
    let size = |used: &Used| vec![used.name.into(), mb(used.memory.0), mb(used.memory.1)];
    print_table(
        "Memory at 1080p, MB",
        &["", "resident", "most so far"],
        &all.iter().map(size).collect::<Vec<_>>(),
    );
    let mut files = Vec::new();
    for name in [AGENT, "sightline", "sightline-relay"] {
        files.push(vec![name.to_owned(), mb(built(name)?.metadata()?.len())]);
    }
    print_table("Program files, MB", &["", "size"], &files);
    conclude_all(&all, built(AGENT)?.metadata()?.len());
    Ok(())
}

fn idle_row(used: &Used) -> Vec<String> {
    let ticks = 100.0 * used.usage.ticked.as_secs_f64() / used.seconds;
    vec![
        used.name.to_owned(),
        format!("{:.4}", used.percent()),
        format!("{ticks:.4}"),
        format!("{:.2}", used.usage.wakes as f64 / used.seconds),
    ]
}

/// Compares with what an idle session may take: % of a core, bytes of memory, bytes of the agent's file.
fn conclude_all(all: &[Used], file: u64) {
    for (what, name, beside, most) in [
        ("agent", AGENT, "x0vncserver", 60),
        ("viewer", VIEWER, "vncviewer", 120),
    ] {
        let find = |name| all.iter().find(|used| used.name == name);
        let Some(used) = find(name) else {
            continue;
        };
        let beside = |text: fn(&Used) -> String| {
            find(beside).map_or(String::new(), |used| format!("{beside} {}", text(used)))
        };
        if name == AGENT {
            let text = |used: &Used| format!("{:.3} %", used.percent());
            let met = used.percent() <= 0.02;
            conclude(
                "idle agent, of a core",
                &text(used),
                "0.02 %",
                &beside(text),
                met,
            );
        }
        let text = |used: &Used| format!("{} MB", mb(used.memory.1));
        conclude(
            &format!("memory of the {what}"),
            &text(used),
            &format!("{most} MB"),
            &beside(text),
            used.memory.1 <= most * 1_000_000,
        );
    }
    let size = format!("{} MB", mb(file));
    conclude("file of the agent", &size, "12 MB", "", file <= 12_000_000);
}

fn mb(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

fn sightline(watch_for: Duration) -> anyhow::Result<Vec<Used>> {
    let mut world = World::start()?;
    let user = Display::start(USER.0, USER.1)?;
    let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
    let (agent, viewer) = world.session(&user, &technician)?;
    let programs = [
        Watched::new(AGENT, agent.terminal.pid()?),
        Watched::new("sightline-relay", world.relay.process.pid()),
        Watched::new(VIEWER, viewer.process.pid()),
    ];
    watch(&programs, watch_for)
}

fn tigervnc(watch_for: Duration) -> anyhow::Result<Vec<Used>> {
    let home = tempfile::tempdir()?;
    let technician = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
    let (server, _) = vnc::xvnc(USER.0, USER.1)?;
    let viewer = vnc::view(&server, &technician, home.path())?;
    let programs = [
        Watched::new("Xvnc (an X server, too)", server.process.pid()),
        Watched::new("vncviewer", viewer.pid()),
    ];
    let mut all = watch(&programs, watch_for)?;
    drop((viewer, server));
    if !vnc::has_scraper() {
        return Ok(all);
    }
    let user = Display::start(USER.0, USER.1)?;
    let server = vnc::scrape(user.name())?;
    let _viewer = vnc::view(&server, &technician, home.path())?;
    let programs = [Watched::new("x0vncserver", server.process.pid())];
    all.extend(watch(&programs, watch_for)?);
    Ok(all)
}

/// Lets the programs be for that long.
fn watch(programs: &[Watched], watch_for: Duration) -> anyhow::Result<Vec<Used>> {
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
    let mut used = Vec::new();
    for (program, (before, after)) in programs.iter().zip(before.iter().zip(after)) {
        used.push(Used {
            name: program.name,
            usage: after.since(*before),
            seconds,
            memory: memory(program.pid)?,
        });
    }
    Ok(used)
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
