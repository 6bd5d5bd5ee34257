//! A program in a terminal that a person looks at: what it writes becomes a screen.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
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
    seen: Arc<(Mutex<Seen>, Condvar)>,
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
        let seen = Mutex::new(Seen {
            screen: vt100::Parser::new(non_zero(rows), non_zero(columns), 0),
            bytes: Vec::new(),
            count: 0,
            only_count: false,
            ended: false,
        });
        let seen = Arc::new((seen, Condvar::new()));
        watch(pair.master.try_clone_reader()?, Arc::clone(&seen));
        Ok(Glass {
            child,
            keyboard: pair.master.take_writer()?,
            master: pair.master,
            seen,
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, without looking again and again, until more than so many bytes reached the terminal; false if it takes too long.
    pub fn wait_more(&self, than: usize, within: Duration) -> bool {
        let waits = |seen: &mut Seen| seen.count <= than && !seen.ended;
        let waited = self.seen.1.wait_timeout_while(self.seen(), within, waits);
        let (seen, _) = waited.unwrap_or_else(PoisonError::into_inner);
        seen.count > than
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

    /// Whether the terminal tells the program what the mouse does, and in the numbers of today (1006).
    pub fn tells_mouse(&self) -> bool {
        let seen = self.seen();
        let screen = seen.screen.screen();
        screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None
            && screen.mouse_protocol_encoding() == vt100::MouseProtocolEncoding::Sgr
    }

    /// Whether anything that a program switched is still so: its screen, the mouse, the pasted text, the cursor, the keys.
    pub fn is_switched(&self) -> bool {
        let seen = self.seen();
        let screen = seen.screen.screen();
        screen.alternate_screen()
            || screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None
            || screen.mouse_protocol_encoding() != vt100::MouseProtocolEncoding::Default
            || screen.bracketed_paste()
            || screen.hide_cursor()
            || screen.application_cursor()
            || screen.application_keypad()
    }

    /// A click of the left button on this cell, as a terminal tells it; cells count from 1.
    pub fn click(&mut self, column: u16, row: u16) -> anyhow::Result<()> {
        self.keys(&format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m"))
    }

    /// A line of the screen, counted from 1.
    pub fn line(&self, row: usize) -> String {
        let text = self.text();
        text.lines().nth(row - 1).unwrap_or_default().to_owned()
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

    /// Sends a signal, such as `Signal::TERM`.
    pub fn signal(&self, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let pid = self.child.process_id().map(|pid| pid as i32);
        let pid = pid.and_then(rustix::process::Pid::from_raw);
        Ok(rustix::process::kill_process(
            pid.context("no such process")?,
            signal,
        )?)
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

fn watch(mut from: Box<dyn Read + Send>, seen: Arc<(Mutex<Seen>, Condvar)>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        let lock = || seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut now = lock();
            now.count += count;
            if !now.only_count {
                now.screen.process(&buffer[..count]);
                now.bytes.extend_from_slice(&buffer[..count]);
            }
            drop(now);
            seen.1.notify_all();
        }
        lock().ended = true;
        seen.1.notify_all();
    });
}

impl Drop for Glass {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
