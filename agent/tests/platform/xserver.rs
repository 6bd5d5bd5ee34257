//! X servers and programs that live as long as a test.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sightline_ends::consent::{Grant, Granted, Grants};
use sightline_protocol::capability::{Capabilities, Capability};
use x11rb::rust_connection::RustConnection;

/// A program that is killed when the test ends.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An X server on a display of its own.
pub struct XServer {
    pub display: String,
    process: Running,
}

impl XServer {
    pub fn xvfb(width: u32, height: u32) -> XServer {
        let mut command = Command::new("Xvfb");
        command
            .args(["-screen", "0", &format!("{width}x{height}x24")])
            .args(["-nolisten", "tcp"]);
        XServer::start(command)
    }

    /// One that can also be reached through the network.
    pub fn listening(width: u32, height: u32) -> XServer {
        let mut command = Command::new("Xvfb");
        command
            .args(["-screen", "0", &format!("{width}x{height}x24")])
            .args(["-listen", "tcp", "-ac"]);
        XServer::start(command)
    }

    /// With `socket`, the server speaks RFB there; its pointer and keyboard are devices of their own.
    pub fn xvnc(width: u32, height: u32, socket: &std::path::Path) -> XServer {
        let mut command = Command::new("Xvnc");
        command
            .args(["-geometry", &format!("{width}x{height}"), "-depth", "24"])
            .args(["-SecurityTypes", "None", "-rfbport", "-1", "-rfbunixpath"])
            .arg(socket);
        XServer::start(command)
    }

    fn start(mut command: Command) -> XServer {
        let mut process = command
            .args(["-displayfd", "1", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Debian packages xvfb and tigervnc-standalone-server");
        let mut number = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut number).unwrap();
        XServer {
            display: format!(":{}", number.trim()),
            process: Running(process),
        }
    }

    pub fn connect(&self) -> (RustConnection, u32) {
        let (conn, screen) = RustConnection::connect(Some(&self.display)).unwrap();
        let root = x11rb::connection::Connection::setup(&conn).roots[screen].root;
        (conn, root)
    }

    /// A program on this display.
    pub fn run(&self, program: &str, args: &[&str]) -> Running {
        Running(self.command(program, args).spawn().unwrap())
    }

    /// Runs a program to its end; its output.
    pub fn output(&self, program: &str, args: &[&str]) -> String {
        let output = self
            .command(program, args)
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        assert!(output.status.success(), "{program} {args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env("DISPLAY", &self.display)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Runs a test of this binary, one that is marked as ignored, with this display as its environment's.
    pub fn in_child(&self, test: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env("DISPLAY", &self.display)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// A grant of `C` that outlives the test.
pub fn grant<C: Granted>() -> Grant<C> {
    let all = Capabilities::of(&Capability::ALL);
    Grants::new(all, u64::MAX).live(0).unwrap()
}

/// Waits until it holds, for at most ten seconds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A path that no other test has; nothing is there.
pub fn temporary(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("sightline-{}-{count}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    path
}
