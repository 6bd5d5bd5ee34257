//! A program of ours as a child process, heard through its JSON lines.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

/// The built program of that name, beside the one that is running.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let path = folder.join(name);
    if !path.exists() {
        bail!(
            "{} is not built: run `make test` or `cargo build --workspace`",
            path.display()
        );
    }
    Ok(path)
}

/// Ends its child when dropped.
pub struct Kept(pub Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Kept {
    pub fn spawn(command: &mut Command) -> anyhow::Result<Kept> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {:?}", command.get_program()))?;
        Ok(Kept(child))
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal, such as `Signal::TERM`.
    pub fn signal(&self, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_raw(self.pid() as i32).context("no such process")?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Waits for its end.
    pub fn wait(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("process {} still runs after {within:?}", self.pid());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The events that a program prints with `--json`.
pub struct Events {
    lines: Receiver<String>,
    /// All that was heard, for the message when something is missing.
    heard: Vec<String>,
    what: String,
}

impl Events {
    /// Reads lines until the end of `source` from a thread of its own.
    pub fn from(what: &str, source: impl Read + Send + 'static) -> Events {
        let (to, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(source).lines() {
                let Ok(line) = line else { return };
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        Events {
            lines,
            heard: Vec::new(),
            what: what.to_owned(),
        }
    }

    /// The next event of that name; others before it are passed over.
    pub fn wait(&mut self, event: &str, within: Duration) -> anyhow::Result<Value> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let parsed = serde_json::from_str::<Value>(&line);
                    self.heard.push(line);
                    if let Ok(value) = parsed
                        && value["event"] == event
                    {
                        return Ok(value);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!(
                    "{} did not say '{event}' within {within:?}; it said:\n{}",
                    self.what,
                    self.heard.join("\n")
                ),
                Err(RecvTimeoutError::Disconnected) => bail!(
                    "{} ended without saying '{event}'; it said:\n{}",
                    self.what,
                    self.heard.join("\n")
                ),
            }
        }
    }

    /// Everything heard until now, waiting for nothing.
    pub fn heard(&mut self) -> &[String] {
        self.heard.extend(self.lines.try_iter());
        &self.heard
    }

    /// Whether an event of that name was heard until now.
    pub fn has(&mut self, event: &str) -> bool {
        self.count(event) > 0
    }

    /// How many events of that name were heard until now.
    pub fn count(&mut self, event: &str) -> usize {
        let named = |line: &&String| {
            serde_json::from_str::<Value>(line).is_ok_and(|value| value["event"] == event)
        };
        self.heard().iter().filter(named).count()
    }
}

/// A program with its events.
pub struct Program {
    pub process: Kept,
    pub events: Events,
    pub stdin: Option<ChildStdin>,
}

impl Program {
    /// Starts one of our programs with `--json`; its standard error goes to `log`.
    pub fn start(
        name: &str,
        args: &[&OsStr],
        environment: &[(&str, &str)],
        log: &Path,
    ) -> anyhow::Result<Program> {
        let mut command = Command::new(built(name)?);
        command
            .args(args)
            .arg("--json")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?);
        let mut process = Kept::spawn(&mut command)?;
        let out = process.0.stdout.take().context("no standard output")?;
        Ok(Program {
            stdin: process.0.stdin.take(),
            events: Events::from(name, out),
            process,
        })
    }

    pub fn exit_code(&mut self, within: Duration) -> anyhow::Result<i32> {
        let status = self.process.wait(within)?;
        status
            .code()
            .with_context(|| format!("it was ended by a signal: {status}"))
    }
}

/// Runs one of our programs to its end; its output if it succeeded.
pub fn run(name: &str, args: &[&OsStr]) -> anyhow::Result<String> {
    let output = Command::new(built(name)?)
        .args(args)
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        bail!(
            "{name} {args:?} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
