//! How fast files go over on the loopback, beside scp: one large file, and many small ones.
//!
//! `bench_files [--megabytes N] [--small N]`. Both are timed from the command's start to its end, with the session (and sshd)
//! running already. scp needs an sshd: `/usr/sbin/sshd`, or another that SIGHTLINE_SSHD names; without one there is nothing beside.
//! What the numbers hold that scp's do not: each byte is recorded by the relay, and the disk has it before the command ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sightline_tests::display::Display;
use sightline_tests::measure::{Chance, conclude, load, option, print_table};
use sightline_tests::program::Kept;
use sightline_tests::world::{SOON, Setting, World};

/// For one transfer, on a busy machine.
const LONG: Duration = Duration::from_secs(300);
/// Bytes of a small file.
const SMALL: usize = 4_096;

fn main() -> anyhow::Result<()> {
    let megabytes = option("--megabytes", 512)?;
    let small = option("--small", 5_000)?;
    let folder = tempfile::tempdir()?;
    let from = folder.path().join("from");
    fill(&from, megabytes, small)?;
    let sources = [from.join("large"), from.join("small")];
    let bytes = [megabytes << 20, small * SMALL as u64];
    let ours = sightline(&folder.path().join("ours"), &sources)?;
    let theirs = match scp(&folder.path().join("theirs"), &sources) {
        Ok(times) => Some(times),
        Err(error) => {
            eprintln!("no scp beside: {error:#}");
            None
        }
    };
    let rate = |time: Duration, bytes: u64| bytes as f64 / 1e6 / time.as_secs_f64();
    let mut rows = Vec::new();
    for (n, what) in ["one large file", "many small files"]
        .into_iter()
        .enumerate()
    {
        let (send, fetch) = ours[n];
        let mut row = vec![what.to_owned()];
        for time in [Some(send), Some(fetch), theirs.map(|times| times[n])] {
            row.push(time.map_or("–".into(), |time| {
                format!(
                    "{:.1} s, {:.0} MB/s",
                    time.as_secs_f64(),
                    rate(time, bytes[n])
                )
            }));
        }
        rows.push(row);
        if let Some(scp) = theirs.map(|times| times[n]) {
            let times = scp.as_secs_f64() / send.max(fetch).as_secs_f64();
            conclude(
                &format!("files: {what}, of scp's speed"),
                &format!("{times:.2}×"),
                "≥ 1×",
                "scp 1×",
                times >= 1.0,
            );
        }
    }
    let title = format!(
        "{megabytes} MiB; {small} files of {SMALL} bytes; load {}",
        load()
    );
    print_table(&title, &["", "send", "fetch", "scp"], &rows);
    Ok(())
}

fn fill(folder: &Path, megabytes: u64, small: u64) -> anyhow::Result<()> {
    let mut chance = Chance::new(7);
    let mut piece = || -> Vec<u8> {
        (0..1 << 17)
            .flat_map(|_| chance.draw().to_le_bytes())
            .collect()
    };
    fs::create_dir_all(folder.join("small"))?;
    let mut large = Vec::new();
    for _ in 0..megabytes {
        large.extend(piece());
    }
    fs::write(folder.join("large"), large)?;
    let content = piece();
    for n in 0..small {
        let at = n as usize % (content.len() - SMALL);
        fs::write(folder.join(format!("small/{n}")), &content[at..at + SMALL])?;
    }
    Ok(())
}

/// Sends and fetches each of them.
fn sightline(folder: &Path, sources: &[PathBuf; 2]) -> anyhow::Result<[(Duration, Duration); 2]> {
    fs::create_dir_all(folder.join("there"))?;
    fs::create_dir_all(folder.join("back"))?;
    let folder = folder.canonicalize()?;
    let mut world = World::with(Setting {
        tier: Some(3),
        ..Setting::default()
    })?;
    let user = Display::start(640, 480)?;
    let (mut agent, _holder) = world.held(&user, &["--ask", "view,files"])?;
    let at = |name: &str| folder.join(name).display().to_string();
    let (there, back) = (at("there"), at("back"));
    // The user agrees to all with the first one, which is not timed.
    let mut first = world.command(&["list", &there])?;
    first.exit_code(SOON)?;
    fs::write(folder.join("first"), "first")?;
    let mut first = world.command(&["send", &at("first"), "--to", &there])?;
    agent.answer_files("all")?;
    first.events.wait("copied", SOON)?;
    let mut run = |args: &[&str]| -> anyhow::Result<Duration> {
        let start = Instant::now();
        let mut command = world.command(args)?;
        let copied = command.events.wait("copied", LONG)?;
        let took = start.elapsed();
        ensure!(copied["not_copied"] == 0, "{copied}");
        Ok(took)
    };
    let mut times = [(Duration::ZERO, Duration::ZERO); 2];
    for (time, source) in times.iter_mut().zip(sources) {
        let name = source.file_name().context("a source without a name")?;
        let sent = run(&["send", &source.display().to_string(), "--to", &there])?;
        let remote = Path::new(&there).join(name).display().to_string();
        let fetched = run(&["fetch", &remote, "--to", &back])?;
        *time = (sent, fetched);
    }
    Ok(times)
}

fn quietly(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}

/// The same by scp, to an sshd of our own.
fn scp(folder: &Path, sources: &[PathBuf; 2]) -> anyhow::Result<[Duration; 2]> {
    let sshd = std::env::var("SIGHTLINE_SSHD").unwrap_or("/usr/sbin/sshd".into());
    fs::create_dir_all(folder.join("there"))?;
    let folder = folder.canonicalize()?;
    let at = |name: &str| folder.join(name).display().to_string();
    for key in ["host", "user"] {
        quietly(Command::new("ssh-keygen").args([
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-f",
            &at(key),
        ]))?;
    }
    let address = sightline_tests::world::free_address()?;
    let port = address.rsplit(':').next().context("no port")?.to_owned();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\nSubsystem sftp internal-sftp\n",
        at("host"),
        at("user.pub")
    );
    fs::write(folder.join("config"), config)?;
    let mut command = Command::new(&sshd);
    command.args(["-D", "-e", "-f", &at("config")]);
    command.stderr(fs::File::create(folder.join("log"))?);
    let _sshd = Kept::spawn(&mut command)?;
    let until = Instant::now() + SOON;
    while std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        ensure!(Instant::now() < until, "sshd does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut times = [Duration::ZERO; 2];
    for (time, source) in times.iter_mut().zip(sources) {
        let start = Instant::now();
        quietly(
            Command::new("scp")
                .args(["-q", "-r", "-P", &port, "-i", &at("user")])
                .args([
                    "-o",
                    "StrictHostKeyChecking=no",
                    "-o",
                    "UserKnownHostsFile=/dev/null",
                ])
                .arg(source)
                .arg(format!("127.0.0.1:{}", at("there"))),
        )?;
        *time = start.elapsed();
    }
    Ok(times)
}
