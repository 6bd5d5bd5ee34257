//! A program in a terminal that a person looks at: what it writes becomes a screen.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::program::built;

/// Columns and rows at the start.
const SIZE: (u16, u16) = (100, 30);

struct Seen {
    screen: vt100::Parser,
    /// All bytes, as they came.
    bytes: Vec<u8>,
    count: usize,
    only_count: bool,
    /// Nothing more comes.
    ended: bool,
}

pub struct Glass {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    seen: Arc<Mutex<Seen>>,
}

fn non_zero(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN)
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        ..PtySize::default()
    }
}

impl Glass {
    /// A program of ours.
    pub fn start(
        name: &str,
        args: &[&OsStr],
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Glass> {
        Glass::program(&built(name)?, args, environment)
    }

    /// Any program.
    pub fn program(
        program: &Path,
        args: &[&OsStr],
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Glass> {
        let (columns, rows) = SIZE;
        let pair = native_pty_system().openpty(size(columns, rows))?;
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        for (key, value) in environment {
            command.env(key, value);
        }
        let child = pair.slave.spawn_command(command)?;
        drop(pair.slave);
        let seen = Arc::new(Mutex::new(Seen {
            screen: vt100::Parser::new(non_zero(rows), non_zero(columns), 0),
            bytes: Vec::new(),
            count: 0,
            only_count: false,
            ended: false,
        }));
        watch(pair.master.try_clone_reader()?, Arc::clone(&seen));
        Ok(Glass {
            child,
            keyboard: pair.master.take_writer()?,
            master: pair.master,
            seen,
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Types as a person does.
    pub fn keys(&mut self, keys: &str) -> anyhow::Result<()> {
        self.keyboard.write_all(keys.as_bytes())?;
        Ok(self.keyboard.flush()?)
    }

    pub fn resize(&self, columns: u16, rows: u16) -> anyhow::Result<()> {
        self.seen()
            .screen
            .set_size(non_zero(rows), non_zero(columns));
        self.master.resize(size(columns, rows))
    }

    /// The screen's text.
    pub fn text(&self) -> String {
        self.seen().screen.screen().contents()
    }

    /// From now on output is counted and not looked at: nothing but the program is to be slow.
    pub fn only_count(&self) {
        self.seen().only_count = true;
    }

    /// How many bytes reached the terminal.
    pub fn count(&self) -> usize {
        self.seen().count
    }

    /// Every byte that reached the terminal.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// Whether the terminal shows its other screen, as editors use it.
    pub fn is_full_screen(&self) -> bool {
        self.seen().screen.screen().alternate_screen()
    }

    pub fn wait(&self, text: &str, within: Duration) -> anyhow::Result<()> {
        self.until(&format!("'{text}'"), within, |glass| {
            glass.text().contains(text)
        })
    }

    pub fn until(
        &self,
        what: &str,
        within: Duration,
        is: impl Fn(&Glass) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        while !is(self) {
            if Instant::now() > deadline {
                bail!("the terminal does not show {what} but:\n{}", self.text());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits for the program's end; all that it wrote is on the screen then.
    pub fn exit_code(&mut self, within: Duration) -> anyhow::Result<u32> {
        let deadline = Instant::now() + within;
        loop {
            if self.seen().ended
                && let Some(status) = self.child.try_wait()?
            {
                return Ok(status.exit_code());
            }
            if Instant::now() > deadline {
                bail!("it still runs after {within:?} and shows:\n{}", self.text());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn watch(mut from: Box<dyn Read + Send>, seen: Arc<Mutex<Seen>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.count += count;
            if seen.only_count {
                continue;
            }
            seen.screen.process(&buffer[..count]);
            seen.bytes.extend_from_slice(&buffer[..count]);
        }
        seen.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
    });
}

impl Drop for Glass {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
