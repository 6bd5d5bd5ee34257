//! A private X server, and the demo's window on it, worked by xdotool.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// An Xvfb of our own.
pub struct Screen {
    server: Child,
    pub display: String,
}

impl Screen {
    pub fn new(size: &str) -> Screen {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-nolisten",
                "tcp",
                "-noreset",
                "-screen",
                "0",
            ])
            .arg(format!("{size}x24"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb (Debian package xvfb)");
        let mut number = String::new();
        let output = server.stdout.take().expect("piped");
        BufReader::new(output)
            .read_line(&mut number)
            .expect("a display number");
        Screen {
            server,
            display: format!(":{}", number.trim()),
        }
    }

    /// Runs a program on this display and returns what it wrote.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(program)
            .args(arguments)
            .env("DISPLAY", &self.display)
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(output.status.success(), "{program} {arguments:?}");
        output.stdout
    }

    /// One xdotool command line.
    pub fn tool(&self, line: &str) {
        self.run("xdotool", &line.split(' ').collect::<Vec<_>>());
    }

    /// What is on the screen.
    pub fn picture(&self) -> Picture {
        // What was just presented is on its way through the X server's queue.
        std::thread::sleep(Duration::from_millis(300));
        Picture::read(&self.run("import", &["-window", "root", "-depth", "8", "ppm:-"]))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Pixels of a PPM file, three bytes each.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    bytes: Vec<u8>,
}

impl Picture {
    pub fn read(ppm: &[u8]) -> Picture {
        let mut rest = ppm;
        let mut words = Vec::new();
        while words.len() < 4 {
            let end = rest
                .iter()
                .position(u8::is_ascii_whitespace)
                .expect("a PPM header");
            words.push(String::from_utf8_lossy(&rest[..end]).into_owned());
            rest = &rest[end + 1..];
        }
        assert_eq!((words[0].as_str(), words[3].as_str()), ("P6", "255"));
        Picture {
            width: words[1].parse().expect("a width"),
            height: words[2].parse().expect("a height"),
            bytes: rest.to_vec(),
        }
    }

    pub fn row(&self, x: usize, y: usize, width: usize) -> &[u8] {
        &self.bytes[(y * self.width + x) * 3..][..width * 3]
    }

    /// Asserts that `other` lies in this picture at `x`, `y`, bit for bit.
    pub fn assert_shows(&self, other: &Picture, x: usize, y: usize) {
        for row in 0..other.height {
            let same = self.row(x, y + row, other.width) == other.row(0, row, other.width);
            assert!(same, "row {row} differs");
        }
    }

    pub fn is_same_as(&self, other: &Picture) -> bool {
        self.bytes == other.bytes
    }
}

/// The demo, running.
pub struct Demo {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Demo {
    /// Starts it and waits until its first picture is shown.
    pub fn start(screen: &Screen, arguments: &[&str]) -> Demo {
        let mut demo = Demo::spawn(screen, arguments);
        demo.expect("presented 0");
        demo.settle(screen);
        demo
    }

    pub fn spawn(screen: &Screen, arguments: &[&str]) -> Demo {
        let mut child = Command::new(program())
            .args(arguments)
            .env("DISPLAY", &screen.display)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("XMODIFIERS")
            .env_remove("WINIT_X11_SCALE_FACTOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the demo starts");
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Demo {
            stdin: child.stdin.take().expect("piped"),
            child,
            lines,
        }
    }

    /// Gives it the keyboard, for there is no window manager that would.
    pub fn settle(&mut self, screen: &Screen) {
        let found = screen.run("xdotool", &["search", "--sync", "--name", "^Sightline"]);
        let window = String::from_utf8_lossy(&found).trim().to_owned();
        screen.tool(&format!("windowfocus --sync {window}"));
        std::thread::sleep(Duration::from_millis(200));
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn command(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").expect("the demo reads");
    }

    /// Waits for this line; others before it are passed over.
    pub fn expect(&mut self, wanted: &str) {
        let mut seen = Vec::new();
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self
            .lines
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            if line == wanted {
                return;
            }
            seen.push(line);
        }
        panic!("no {wanted:?} among {seen:#?}");
    }

    /// Waits for these lines, in this order and next to each other but for `presented` ones.
    pub fn expect_all(&mut self, wanted: &[&str]) {
        for line in wanted {
            let end = Instant::now() + PATIENCE;
            loop {
                let left = end.saturating_duration_since(Instant::now());
                let next = self.lines.recv_timeout(left);
                let next = next.unwrap_or_else(|_| panic!("no {line:?} of {wanted:?}"));
                if !next.starts_with("presented") {
                    assert_eq!(next, *line, "of {wanted:?}");
                    break;
                }
            }
        }
    }

    /// Forgets what was said so far.
    pub fn drain(&mut self) {
        while self.lines.recv_timeout(Duration::from_millis(250)).is_ok() {}
    }

    /// Every line up to now, but for `presented` ones.
    pub fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(300)) {
            said.push(line);
        }
        said.retain(|line| !line.starts_with("presented"));
        said
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The demo's program, beside this test's own.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let folder = test
        .parent()
        .and_then(std::path::Path::parent)
        .expect("target/debug/deps");
    let program = folder.join("examples/window_demo");
    assert!(
        program.exists(),
        "{} is missing: cargo build -p sightline --example window_demo",
        program.display()
    );
    program
}

/// A file for one test, gone with it.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let name = format!("sightline-window-{}-{name}", std::process::id());
        Scratch(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }

    pub fn picture(&self) -> Picture {
        let mut bytes = Vec::new();
        let mut file = std::fs::File::open(&self.0).expect("the dump");
        file.read_to_end(&mut bytes).expect("the dump");
        Picture::read(&bytes)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
