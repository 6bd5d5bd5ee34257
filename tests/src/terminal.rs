//! A program in a terminal of its own, as a person would start it.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::program::{Events, built};

/// A program of ours in a terminal: what it shows there, and its JSON events, which go elsewhere.
pub struct InTerminal {
    child: Box<dyn Child + Send + Sync>,
    // Held open: the terminal ends with it.
    _master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    shown: Arc<Mutex<Vec<u8>>>,
    pub events: Events,
}

impl InTerminal {
    /// `folder` takes a pipe for the events and a file with standard error, both named after `label`.
    pub fn start(
        name: &str,
        args: &[&OsStr],
        environment: &[(&str, &str)],
        folder: &Path,
        label: &str,
    ) -> anyhow::Result<InTerminal> {
        let events_path = folder.join(format!("{label}.events"));
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&events_path)?;
        let pair = native_pty_system().openpty(PtySize {
            rows: 40,
            cols: 120,
            ..PtySize::default()
        })?;
        // The terminal is the program's controlling terminal; only standard output and error lead elsewhere.
        let mut command = CommandBuilder::new("sh");
        let line = format!(
            "exec \"$0\" \"$@\" --json > '{}' 2> '{}'",
            events_path.display(),
            folder.join(format!("{label}.log")).display()
        );
        command.args(["-c", &line]);
        command.arg(built(name)?);
        command.args(args);
        for (key, value) in environment {
            command.env(key, value);
        }
        command.cwd(folder);
        let child = pair.slave.spawn_command(command)?;
        drop(pair.slave);
        let keyboard = pair.master.take_writer()?;
        let shown = Arc::new(Mutex::new(Vec::new()));
        watch(pair.master.try_clone_reader()?, Arc::clone(&shown));
        Ok(InTerminal {
            child,
            _master: pair.master,
            keyboard,
            shown,
            events: Events::from(name, Growing::open(&events_path)?),
        })
    }

    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.process_id().context("it has ended")
    }

    pub fn type_line(&mut self, line: &str) -> anyhow::Result<()> {
        self.keyboard.write_all(line.as_bytes())?;
        self.keyboard.write_all(b"\r")?;
        Ok(self.keyboard.flush()?)
    }

    /// What the terminal got so far.
    pub fn shown(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&shown).into_owned()
    }

    pub fn wait_shown(&self, text: &str, within: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        while !self.shown().contains(text) {
            if Instant::now() > deadline {
                bail!("the terminal does not show '{text}' but:\n{}", self.shown());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub fn exit_code(&mut self, within: Duration) -> anyhow::Result<u32> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.exit_code());
            }
            if Instant::now() > deadline {
                bail!("the program in the terminal still runs after {within:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn signal(&self, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_raw(self.pid()? as i32).context("no such process")?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// As `kill -9`.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(rustix::process::Signal::KILL)
    }
}

impl Drop for InTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn watch(mut from: Box<dyn Read + Send>, shown: Arc<Mutex<Vec<u8>>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.extend_from_slice(&buffer[..n]);
        }
    });
}

/// A file that another process still writes: its end is only for now.
struct Growing {
    file: std::fs::File,
    /// Reading ends when nothing was added for so long.
    patience: Duration,
}

impl Growing {
    fn open(path: &Path) -> anyhow::Result<Growing> {
        Ok(Growing {
            file: std::fs::File::open(path)?,
            patience: Duration::from_secs(300),
        })
    }
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.file.read(buffer)? {
                0 if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                n => return Ok(n),
            }
        }
    }
}
