//! Terminals for a technician who may run commands: the user's login shell, as the user.

use std::io::{Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use portable_pty::{Child, ChildKiller, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sightline_ends::consent::{Grant, kind};

/// What runs in a terminal.
pub struct Start<'a> {
    pub columns: u16,
    pub rows: u16,
    pub term: &'a str,
    /// For the shell to run; empty: the shell itself, as at a login.
    pub command: &'a str,
    /// Whom a program there may want to name.
    pub technician: &'a str,
}

/// A running terminal. Dropping it hangs up.
pub struct Pty {
    master: Box<dyn MasterPty + Send>,
    killer: Box<dyn ChildKiller + Send + Sync>,
    /// The shell, as the user has it.
    pub program: String,
}

/// Its parts that may block, each for a thread of its own.
pub struct Ends {
    pub output: Output,
    pub input: Box<dyn Write + Send>,
    pub program: Program,
}

/// What the program writes.
pub struct Output {
    from: Box<dyn Read + Send>,
    /// The terminal's own descriptor, which `from` is a copy of: to ask whether more is there.
    fd: Option<OwnedFd>,
}

impl Output {
    /// Waits for output and takes what is there, as far as it fits; nothing at the terminal's end. The kernel gives out
    /// 4 KB at a time: a long output would become four times as many records.
    pub fn take(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut count = self.from.read(buffer)?;
        while count > 0 && count < buffer.len() && self.has_more() {
            match self.from.read(&mut buffer[count..]) {
                Ok(more @ 1..) => count += more,
                // What was read is said first; the end is found again.
                _ => break,
            }
        }
        Ok(count)
    }

    fn has_more(&self) -> bool {
        let Some(fd) = &self.fd else { return false };
        let mut fds = [PollFd::new(fd, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::IN)
    }
}

/// Waits for the program.
pub struct Program(Box<dyn Child + Send + Sync>);

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows: rows.max(1),
        cols: columns.max(1),
        pixel_width: 0,
        pixel_height: 0,
    }
}

/// Starts a terminal; an error says why not, in words for a person.
pub fn open(_allowed: &Grant<kind::Shell>, start: &Start<'_>) -> Result<(Pty, Ends), String> {
    let words = |what: &str| {
        let what = what.to_owned();
        move |error: anyhow::Error| format!("{what}: {error:#}")
    };
    let pair = native_pty_system()
        .openpty(size(start.columns, start.rows))
        .map_err(words("no terminal"))?;
    let shell = CommandBuilder::new_default_prog().get_shell();
    let child = pair
        .slave
        .spawn_command(command(&shell, start))
        .map_err(words("the shell does not start"))?;
    let output = pair.master.try_clone_reader();
    let input = pair.master.take_writer();
    let ends = Ends {
        output: Output {
            from: output.map_err(words("the terminal cannot be read"))?,
            fd: copy(&*pair.master),
        },
        input: input.map_err(words("the terminal cannot be written"))?,
        program: Program(child),
    };
    let pty = Pty {
        killer: ends.program.0.clone_killer(),
        master: pair.master,
        program: shell,
    };
    Ok((pty, ends))
}

/// A copy of the terminal's descriptor.
#[allow(unsafe_code)]
fn copy(master: &dyn MasterPty) -> Option<OwnedFd> {
    let fd = master.as_raw_fd()?;
    // SAFETY: the descriptor belongs to `master`, which outlives this borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    fd.try_clone_to_owned().ok()
}

fn command(shell: &str, start: &Start<'_>) -> CommandBuilder {
    let mut command = CommandBuilder::new_default_prog();
    if !start.command.is_empty() {
        command = CommandBuilder::new(shell);
        command.args(["-c", start.command]);
    }
    command.env("TERM", start.term);
    command.env("SIGHTLINE_TECHNICIAN", start.technician);
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from)
        && home.is_dir()
    {
        command.cwd(home);
    }
    command
}

impl Pty {
    pub fn resize(&self, columns: u16, rows: u16) {
        // Fails when the program has just ended.
        let _ = self.master.resize(size(columns, rows));
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.killer.kill();
    }
}

impl Program {
    /// Its exit code, or 128 + the number of the signal that ended it.
    pub fn wait(mut self) -> i32 {
        let child: &mut dyn Child = &mut *self.0;
        if let Some(child) = child.downcast_mut::<std::process::Child>() {
            return match child.wait() {
                Ok(status) => status
                    .code()
                    .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
                Err(_) => -1,
            };
        }
        self.0.wait().map_or(-1, |status| status.exit_code() as i32)
    }
}
