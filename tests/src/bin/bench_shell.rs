//! Terminals: from a key to its echo, how fast a long output comes, and how soon Ctrl-C ends one; OpenSSH beside, on the
//! same computer.
//!
//! `bench_shell [--presses N] [--megabytes N]`. On the loopback the line costs nothing, so that the difference is what the
//! programs cost. Ours seals, records and passes a relay; ssh does none of that. The honest limit is ssh through a jump
//! host (`ssh -J`): there as many programs lie between the key and its echo, and all of it is ciphered twice, too.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use sightline_tests::display::Display;
use sightline_tests::glass::Glass;
use sightline_tests::measure::{Samples, conclude, load, ms, option, print_table, usage};
use sightline_tests::program::Kept;
use sightline_tests::world::{SOON, Setting, World};

const PRESSES: u64 = 300;
const MEGABYTES: u64 = 100;
/// Between two keys: a fast typist, and what came before is long over.
const PAUSE: Duration = Duration::from_millis(15);
/// For the long output.
const LONG: Duration = Duration::from_secs(120);
/// How long a flood runs before Ctrl-C: everything that can wait somewhere is full by then.
const FLOOD: Duration = Duration::from_secs(1);
/// Floods that are ended, each in a terminal of its own.
const FLOODS: usize = 5;
/// On a line with this round trip the echo may take 1.2 times as long as ssh's.
const LINE: Duration = Duration::from_millis(30);

struct Measured {
    name: &'static str,
    echo: Samples,
    megabytes_a_second: f64,
    /// From Ctrl-C to the program's end.
    ctrl_c: Samples,
}

fn main() -> anyhow::Result<()> {
    usage("bench_shell [--presses N] [--megabytes N]")?;
    let (presses, megabytes) = (
        option("--presses", PRESSES)?,
        option("--megabytes", MEGABYTES)?,
    );
    let folder = tempfile::tempdir()?;
    let long = folder.path().join("long.txt");
    std::fs::write(&long, text(megabytes))?;
    let bench = Bench { presses, long };
    let ssh = OpenSsh::start(folder.path())?;
    let (_world, ours) = sightline(&bench)?;
    let direct = bench.measure("OpenSSH", |command| ssh.run(&[], command))?;
    let jump = bench.measure("OpenSSH -J", |command| ssh.run(&["-J", "between"], command))?;
    let rows: Vec<Vec<String>> = [&ours, &direct, &jump].into_iter().map(row).collect();
    let title = format!(
        "Terminal, loopback, {presses} keys, {megabytes} MB (load {})",
        load()
    );
    let head = ["", "echo p50", "p95", "MB/s", "Ctrl-C p50", "longest"];
    print_table(&title, &head, &rows);
    conclude_echo(&ours, &direct, &jump);
    conclude_output(&ours, &direct, &jump);
    let longest = ours.ctrl_c.percentile(100);
    conclude(
        "terminal: Ctrl-C ends a flood, longest, ms",
        &ms(longest),
        "250",
        &format!("ssh {}", ms(direct.ctrl_c.percentile(100))),
        longest <= Duration::from_millis(250),
    );
    Ok(())
}

fn conclude_echo(ours: &Measured, direct: &Measured, jump: &Measured) {
    let p50 = |measured: &Measured| measured.echo.percentile(50);
    let (a, b, c) = (p50(ours), p50(direct), p50(jump));
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
    let ratio = a.as_secs_f64() / c.as_secs_f64();
    conclude(
        "terminal: echo without a line, × ssh -J",
        &format!("{ratio:.2}"),
        "1.20",
        &format!("ssh -J {} µs", c.as_micros()),
        ratio <= 1.2,
    );
}

fn conclude_output(ours: &Measured, direct: &Measured, jump: &Measured) {
    for (what, beside) in [("ssh", direct), ("ssh -J", jump)] {
        let share = ours.megabytes_a_second / beside.megabytes_a_second;
        conclude(
            &format!("terminal: long output, × {what}"),
            &format!("{share:.2}"),
            "1",
            &format!("{what} {:.0} MB/s", beside.megabytes_a_second),
            share >= 1.0,
        );
    }
}

fn row(measured: &Measured) -> Vec<String> {
    let us = |percent| format!("{} µs", measured.echo.percentile(percent).as_micros());
    vec![
        measured.name.to_owned(),
        us(50),
        us(95),
        format!("{:.0}", measured.megabytes_a_second),
        ms(measured.ctrl_c.percentile(50)),
        ms(measured.ctrl_c.percentile(100)),
    ]
}

/// Lines as a log has them.
fn text(megabytes: u64) -> String {
    let line =
        "2026-11-22 08:00:00 host service[4711]: request served in 12 ms, 200 OK, 5,120 bytes\n";
    line.repeat((megabytes * 1_000_000) as usize / line.len())
}

fn sightline(bench: &Bench) -> anyhow::Result<(World, Measured)> {
    let mut world = World::with(Setting::everything())?;
    let user = Display::start(640, 480)?;
    let (_agent, _holder) = world.held(&user, &["--ask", "shell"])?;
    let measured = bench.measure("Sightline", |command| {
        world.glass(&["shell", "--", command])
    })?;
    Ok((world, measured))
}

/// Two servers of OpenSSH for this run, with keys of their own: one to go to, and one to go through.
struct OpenSsh {
    config: PathBuf,
    _servers: [Kept; 2],
}

impl OpenSsh {
    fn start(folder: &Path) -> anyhow::Result<OpenSsh> {
        let at = |name: &str| folder.join(name).display().to_string();
        for key in ["host", "person"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)])
                .status()
                .context("no ssh-keygen: ./scripts/setup.sh bench")?;
            anyhow::ensure!(made.success(), "ssh-keygen failed");
        }
        std::fs::copy(folder.join("person.pub"), folder.join("authorized"))?;
        let (there, there_port) = server(folder, "there")?;
        let (between, between_port) = server(folder, "between")?;
        let config = folder.join("ssh_config");
        let client = format!(
            "Host there\n Port {there_port}\nHost between\n Port {between_port}\nHost *\n HostName 127.0.0.1\n \
             IdentityFile {}\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n",
            at("person"),
        );
        std::fs::write(&config, client)?;
        Ok(OpenSsh {
            config,
            _servers: [there, between],
        })
    }

    /// `ssh` in a terminal, which runs this command.
    fn run(&self, options: &[&str], command: &str) -> anyhow::Result<Glass> {
        let config = self.config.display().to_string();
        let args = [&["-tt", "-F", &config], options, &["there", command]].concat();
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        Glass::program(&PathBuf::from("ssh"), &args, &[])
    }
}

fn server(folder: &Path, name: &str) -> anyhow::Result<(Kept, u16)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let at = |name: &str| folder.join(name).display().to_string();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n",
        at("host"),
        at("authorized"),
    );
    let file = at(&format!("{name}.sshd_config"));
    std::fs::write(&file, config)?;
    let _ = std::fs::create_dir_all("/run/sshd");
    let server = Kept::spawn(
        Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &file])
            .stderr(Stdio::null()),
    )?;
    let until = Instant::now() + SOON;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        anyhow::ensure!(Instant::now() < until, "sshd does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok((server, port))
}

struct Bench {
    presses: u64,
    long: PathBuf,
}

impl Bench {
    fn measure(
        &self,
        name: &'static str,
        run: impl Fn(&str) -> anyhow::Result<Glass>,
    ) -> anyhow::Result<Measured> {
        let glass = run("stty raw -echo; echo ready; exec cat")?;
        let echo = self.echo(glass).context(name)?;
        let bytes = std::fs::metadata(&self.long)?.len() as f64;
        let started = Instant::now();
        let mut glass = run(&format!("cat {}", self.long.display()))?;
        glass.only_count();
        glass.exit_code(LONG)?;
        let seconds = started.elapsed().as_secs_f64();
        let mut ctrl_c = Samples::default();
        for _ in 0..FLOODS {
            ctrl_c.add(interrupted(run("exec yes flood")?)?);
        }
        Ok(Measured {
            name,
            echo,
            megabytes_a_second: bytes / 1e6 / seconds,
            ctrl_c,
        })
    }

    fn echo(&self, mut glass: Glass) -> anyhow::Result<Samples> {
        glass.wait("ready", SOON)?;
        let mut echo = Samples::default();
        for press in 0..self.presses {
            std::thread::sleep(PAUSE);
            let before = glass.count();
            let pressed = Instant::now();
            glass.keys(if press % 2 == 0 { "x" } else { "\x08" })?;
            anyhow::ensure!(glass.wait_more(before, SOON), "a key has no echo");
            echo.add(pressed.elapsed());
        }
        Ok(echo)
    }
}

fn interrupted(mut glass: Glass) -> anyhow::Result<Duration> {
    glass.wait("flood", SOON)?;
    glass.only_count();
    std::thread::sleep(FLOOD);
    let pressed = Instant::now();
    glass.keys("\x03")?;
    glass.exit_code(LONG)?;
    Ok(pressed.elapsed())
}
