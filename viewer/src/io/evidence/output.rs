//! Where an export goes: a file that appears only when it is whole, or standard output. And how far it is.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

/// The progress is written that often.
const TICK: Duration = Duration::from_millis(500);

/// A file beside its place until it is whole, mode 0600; or standard output.
pub enum Output {
    File {
        partial: NamedTempFile,
        path: PathBuf,
        force: bool,
    },
    Stdout(io::Stdout),
}

impl Output {
    /// `-` is standard output. A file that exists is left alone unless `force`.
    pub fn create(path: &Path, force: bool) -> anyhow::Result<Output> {
        if path == Path::new("-") {
            return Ok(Output::Stdout(io::stdout()));
        }
        if !force && path.symlink_metadata().is_ok() {
            bail!("{} exists already; --force replaces it", path.display());
        }
        let Some(name) = path.file_name() else {
            bail!("{} is not a file's name", path.display());
        };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let partial = tempfile::Builder::new()
            .prefix(&format!(".{}.", name.to_string_lossy()))
            .suffix(".partial")
            .tempfile_in(folder)
            .with_context(|| format!("cannot write into {}", folder.display()))?;
        Ok(Output::File {
            partial,
            path: path.to_owned(),
            force,
        })
    }

    /// Puts the whole file into its place.
    pub fn place(mut self) -> anyhow::Result<()> {
        self.flush()?;
        let Output::File {
            partial,
            path,
            force,
        } = self
        else {
            return Ok(());
        };
        partial.as_file().sync_all()?;
        let placed = if force {
            partial.persist(&path)
        } else {
            partial.persist_noclobber(&path)
        };
        placed.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::File { partial, .. } => partial.write(bytes),
            Output::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::File { partial, .. } => partial.flush(),
            Output::Stdout(out) => out.flush(),
        }
    }
}

/// Says on a terminal how far it is, how fast, and how long it will take.
pub struct Meter {
    began: Instant,
    said: Option<Instant>,
    shown: bool,
}

impl Meter {
    pub fn start() -> Meter {
        Meter {
            began: Instant::now(),
            said: None,
            shown: io::stderr().is_terminal(),
        }
    }

    /// `fraction`: of the work, from 0 to 1. `done`: time of the recording that is behind.
    pub fn at(&mut self, fraction: f64, done: Duration) {
        let due = self.said.is_none_or(|said| said.elapsed() >= TICK);
        if !self.shown || !due {
            return;
        }
        self.said = Some(Instant::now());
        let took = self.began.elapsed().as_secs_f64().max(0.001);
        let left = took * (1.0 - fraction) / fraction.max(0.001);
        let speed = done.as_secs_f64() / took;
        eprint!(
            "\r{:3.0} %  {speed:.0} × real time  {:.0} s left \x1b[K",
            fraction * 100.0,
            left.ceil()
        );
    }

    /// How long it took. The line is gone.
    pub fn finish(self) -> Duration {
        if self.said.is_some() {
            eprint!("\r\x1b[K");
        }
        self.began.elapsed()
    }
}
