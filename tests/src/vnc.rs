//! TigerVNC beside us: its X server, its server for an existing display, its viewer (Debian packages).

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::display::Display;
use crate::program::Kept;

/// The binary of `x0vncserver`, which is a script around it.
const SCRAPER: &str = "X0tigervnc";

/// How long a server may take to listen.
const SOON: Duration = Duration::from_secs(10);

/// Nobody is asked for anything.
const OPEN: [&str; 3] = ["-SecurityTypes=None", "-AlwaysShared=1", "-UseIPv6=0"];

/// Numbers of displays that servers do not find by themselves: far above those that are taken from 0 on.
const CABLE_DISPLAYS: RangeInclusive<u32> = 500..=599;

/// Who may connect.
const THIS_COMPUTER: &str = "-localhost=1";
const ANY_COMPUTER: &str = "-localhost=0";

/// A TCP port of the loopback that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

/// Waits until something listens there. (To connect and leave would be a client to it, and a strange one.)
fn wait_for(port: u16) -> anyhow::Result<()> {
    let deadline = Instant::now() + SOON;
    // Local address and port in hexadecimal, any remote one, state 0A: listening.
    let listening = |line: &str| line.contains(&format!(":{port:04X} ")) && line.contains(" 0A ");
    while !std::fs::read_to_string("/proc/thread-self/net/tcp")?
        .lines()
        .any(listening)
    {
        if Instant::now() > deadline {
            bail!("no VNC server listens on port {port}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A running VNC server.
pub struct Server {
    pub process: Kept,
    pub port: u16,
}

/// `Xvnc`: X server and VNC server in one. Also gives the display's name.
pub fn xvnc(width: u32, height: u32) -> anyhow::Result<(Server, String)> {
    xvnc_for(width, height, THIS_COMPUTER, None)
}

/// The same for the other end of a cable, in the network namespace of this thread, which nothing else is in.
pub fn xvnc_on_cable(width: u32, height: u32) -> anyhow::Result<(Server, String)> {
    // X servers find a free number by their abstract sockets, and each namespace has its own of these: two servers would
    // take the same number and, in the file system, the same socket.
    let is_free = |number: &u32| {
        let paths = [
            format!("/tmp/.X{number}-lock"),
            format!("/tmp/.X11-unix/X{number}"),
        ];
        paths.iter().all(|path| !Path::new(path).exists())
    };
    let number = CABLE_DISPLAYS
        .clone()
        .find(is_free)
        .context("no display is free")?;
    xvnc_for(width, height, ANY_COMPUTER, Some(number))
}

fn xvnc_for(
    width: u32,
    height: u32,
    who: &str,
    number: Option<u32>,
) -> anyhow::Result<(Server, String)> {
    let port = free_port()?;
    let geometry = format!("{width}x{height}");
    let mut command = Command::new("Xvnc");
    command.args(number.map(|number| format!(":{number}")));
    command.args(["-displayfd", "1", "-nolisten", "tcp", "-noreset"]);
    command
        .args(["-depth", "24", "-geometry", &geometry])
        .args(OPEN)
        .arg(who);
    command.arg(format!("-rfbport={port}"));
    quiet(&mut command).stdout(Stdio::piped());
    let mut process =
        Kept::spawn(&mut command).context("apt-get install tigervnc-standalone-server")?;
    let out = process.0.stdout.take().context("no standard output")?;
    let mut number = String::new();
    BufReader::new(out).read_line(&mut number)?;
    wait_for(port)?;
    Ok((Server { process, port }, format!(":{}", number.trim())))
}

/// Whether [`scrape`] can work here.
pub fn has_scraper() -> bool {
    quiet(Command::new(SCRAPER).arg("--version"))
        .status()
        .is_ok()
}

/// `x0vncserver` on an existing display (tigervnc-scraping-server), with its own settings.
pub fn scrape(display: &str) -> anyhow::Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(SCRAPER);
    command.arg(format!("-display={display}")).args(OPEN);
    command.arg(THIS_COMPUTER);
    command.arg(format!("-rfbport={port}"));
    let process = Kept::spawn(quiet(&mut command))?;
    wait_for(port)?;
    Ok(Server { process, port })
}

/// `vncviewer` on this display: lossless, and otherwise as it comes. `home` takes what it writes.
pub fn view(server: &Server, on: &Display, home: &Path) -> anyhow::Result<Kept> {
    view_port(server.port, on, home)
}

/// The same from the other end of a cable.
pub fn view_from(
    server: &Server,
    address: &str,
    on: &Display,
    home: &Path,
) -> anyhow::Result<Kept> {
    view_at(address, server.port, on, home)
}

/// The same for whatever server listens on that port.
pub fn view_port(port: u16, on: &Display, home: &Path) -> anyhow::Result<Kept> {
    view_at("127.0.0.1", port, on, home)
}

fn view_at(address: &str, port: u16, on: &Display, home: &Path) -> anyhow::Result<Kept> {
    let mut command = Command::new("vncviewer");
    command.args(["-RemoteResize=0", "-NoJPEG=1", "-SecurityTypes=None"]);
    command.arg(format!("{address}::{port}"));
    command.env("DISPLAY", on.name()).env("HOME", home);
    Kept::spawn(quiet(&mut command)).context("apt-get install tigervnc-viewer")
}
