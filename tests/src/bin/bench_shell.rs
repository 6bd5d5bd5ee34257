//! Terminals: from a key to its echo, and how fast a long output comes; OpenSSH beside, on the same computer.
//!
//! `bench_shell [--presses N] [--megabytes N]`. On the loopback the line costs nothing, so that the difference is what the
//! programs cost. Ours seals, records and passes a relay; ssh does neither.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use sightline_tests::display::Display;
use sightline_tests::glass::Glass;
use sightline_tests::measure::{Samples, conclude, load, option, print_table};
use sightline_tests::program::Kept;
use sightline_tests::world::{SOON, Setting, World};

const PRESSES: u64 = 300;
const MEGABYTES: u64 = 100;
/// Between two keys: a fast typist, and what came before is long over.
const PAUSE: Duration = Duration::from_millis(15);
/// For the long output.
const LONG: Duration = Duration::from_secs(120);
/// The echo may take so much longer than ssh's, in tenths: at most 1.2 times, on a line whose round trip is this.
const LINE: Duration = Duration::from_millis(30);

struct Measured {
    name: &'static str,
    echo: Samples,
    megabytes_a_second: f64,
}

fn main() -> anyhow::Result<()> {
    let (presses, megabytes) = (
        option("--presses", PRESSES)?,
        option("--megabytes", MEGABYTES)?,
    );
    let folder = tempfile::tempdir()?;
    let long = folder.path().join("long.txt");
    std::fs::write(&long, text(megabytes))?;
    let (_relay, ours) = sightline(presses, &long)?;
    let ssh = ssh(folder.path(), presses, &long)?;
    let rows: Vec<Vec<String>> = [&ours, &ssh].into_iter().map(row).collect();
    let title = format!(
        "Terminal, loopback, {presses} keys, {megabytes} MB (load {})",
        load()
    );
    print_table(&title, &["", "echo p50", "p95", "MB/s"], &rows);
    let (a, b) = (ours.echo.percentile(50), ssh.echo.percentile(50));
    let ratio = (a + LINE).as_secs_f64() / (b + LINE).as_secs_f64();
    conclude(
        "terminal: echo on a line of 30 ms, × ssh",
        &format!("{ratio:.2}"),
        "1.20",
        &format!(
            "ssh {} µs, ours {} µs without the line",
            b.as_micros(),
            a.as_micros()
        ),
        ratio <= 1.2,
    );
    let share = ours.megabytes_a_second / ssh.megabytes_a_second;
    conclude(
        "terminal: long output, × ssh",
        &format!("{share:.2}"),
        "1",
        &format!("ssh {:.0} MB/s", ssh.megabytes_a_second),
        share >= 1.0,
    );
    Ok(())
}

fn row(measured: &Measured) -> Vec<String> {
    let us = |percent| format!("{} µs", measured.echo.percentile(percent).as_micros());
    vec![
        measured.name.to_owned(),
        us(50),
        us(95),
        format!("{:.0}", measured.megabytes_a_second),
    ]
}

/// Lines as a log has them.
fn text(megabytes: u64) -> String {
    let line =
        "2026-11-22 08:00:00 host service[4711]: request served in 12 ms, 200 OK, 5,120 bytes\n";
    line.repeat((megabytes * 1_000_000) as usize / line.len())
}

fn sightline(presses: u64, long: &Path) -> anyhow::Result<(World, Measured)> {
    let setting = Setting {
        tier: Some(3),
        ..Setting::default()
    };
    let mut world = World::with(setting)?;
    let user = Display::start(640, 480)?;
    let (_agent, _holder) = world.held(&user, &["--ask", "shell"])?;
    let measured = measure("Sightline", presses, long, |command| {
        world.glass(&["shell", "--", command])
    })?;
    Ok((world, measured))
}

/// A server of OpenSSH for this run, with keys of its own.
fn ssh(folder: &Path, presses: u64, long: &Path) -> anyhow::Result<Measured> {
    let at = |name: &str| folder.join(name).display().to_string();
    for key in ["host", "person"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)])
            .status()
            .context("no ssh-keygen: ./scripts/setup.sh bench")?;
        anyhow::ensure!(made.success(), "ssh-keygen failed");
    }
    std::fs::copy(folder.join("person.pub"), folder.join("authorized"))?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n",
        at("host"),
        at("authorized"),
    );
    std::fs::write(folder.join("sshd_config"), config)?;
    let _ = std::fs::create_dir_all("/run/sshd");
    let _server = Kept::spawn(
        Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("sshd_config")])
            .stderr(Stdio::null()),
    )?;
    let until = Instant::now() + SOON;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        anyhow::ensure!(Instant::now() < until, "sshd does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    let (port, identity) = (port.to_string(), at("person"));
    measure("OpenSSH", presses, long, |command| {
        let args = [
            "-tt",
            "-p",
            &port,
            "-i",
            &identity,
            "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null",
            "-oLogLevel=ERROR",
            "127.0.0.1",
            command,
        ];
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        Glass::program(&PathBuf::from("ssh"), &args, &[])
    })
}

fn measure(
    name: &'static str,
    presses: u64,
    long: &Path,
    run: impl Fn(&str) -> anyhow::Result<Glass>,
) -> anyhow::Result<Measured> {
    let mut glass = run("stty raw -echo; echo ready; exec cat")?;
    glass.wait("ready", SOON)?;
    let mut echo = Samples::default();
    for press in 0..presses {
        std::thread::sleep(PAUSE);
        let before = glass.count();
        let pressed = Instant::now();
        glass.keys(if press % 2 == 0 { "x" } else { "\x08" })?;
        while glass.count() == before {
            anyhow::ensure!(pressed.elapsed() < SOON, "a key of {name} has no echo");
            std::thread::sleep(Duration::from_micros(20));
        }
        echo.add(pressed.elapsed());
    }
    drop(glass);
    let bytes = std::fs::metadata(long)?.len() as f64;
    let started = Instant::now();
    let mut glass = run(&format!("cat {}", long.display()))?;
    glass.only_count();
    glass.exit_code(LONG)?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Measured {
        name,
        echo,
        megabytes_a_second: bytes / 1e6 / seconds,
    })
}
