//! Terminals for a technician who may run commands: the user's login shell, as the user.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use portable_pty::{Child, ChildKiller, CommandBuilder, MasterPty, PtySize, native_pty_system};
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
    pub output: Box<dyn Read + Send>,
    pub input: Box<dyn Write + Send>,
    pub program: Program,
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
        output: output.map_err(words("the terminal cannot be read"))?,
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
