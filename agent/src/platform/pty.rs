//! Terminals for a technician who may run commands: the user's login shell, as the user.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use portable_pty::{Child, ChildKiller, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use sightline_ends::consent::{Grant, kind};
use tokio::io::unix::AsyncFd;

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

/// What is read and written beside it.
pub struct Ends {
    pub master: AsyncFd<Master>,
    pub program: Program,
}

/// The end of the terminal at which a person would sit. Neither reading nor writing waits: whoever has to waits for the
/// descriptor.
pub struct Master(OwnedFd);

impl AsRawFd for Master {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Master {
    /// Takes what the program wrote, as far as it fits; nothing at the terminal's end. The kernel gives out 4 KB at a time:
    /// a long output would become many times as many records.
    pub fn take(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        while count < buffer.len() {
            match rustix::io::read(&self.0, &mut buffer[count..]) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(Errno::INTR) => {}
                // What was read is said first; the end, or that there is no more, is found again.
                Err(_) if count > 0 => break,
                // Nobody has the terminal open any more.
                Err(Errno::IO) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    /// Something is there to be taken.
    pub fn has_some(&self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::IN)
    }

    /// Types as much of this as the terminal takes now.
    pub fn give(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.0, bytes)?)
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

/// Starts a terminal, within the runtime that is to wait for it; an error says why not, in words for a person.
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
    let ends = Ends {
        master: watched(&*pair.master)
            .map_err(|error| format!("the terminal is of no use: {error}"))?,
        program: Program(child),
    };
    let pty = Pty {
        killer: ends.program.0.clone_killer(),
        master: pair.master,
        program: shell,
    };
    Ok((pty, ends))
}

/// Its descriptor, which waits no more and is waited for.
#[allow(unsafe_code)]
fn watched(master: &dyn MasterPty) -> io::Result<AsyncFd<Master>> {
    let fd = master.as_raw_fd().ok_or(io::ErrorKind::Unsupported)?;
    // SAFETY: the descriptor belongs to `master`, which outlives this borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
    // SAFETY: `Master` owns the descriptor, and neither closes nor changes it before it is dropped.
    Ok(unsafe { AsyncFd::register(Master(fd)) }?)
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
