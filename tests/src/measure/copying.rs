//! A session in which files are copied back and forth, timed as a person would: from the command's start to its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::Chance;
use super::remote::Remote;
use crate::cable::Cable;
use crate::world::SOON;

/// For one transfer, on a busy machine.
const LONG: Duration = Duration::from_secs(900);

/// A session in which the user agrees to all files.
pub struct Copying<'a> {
    pub session: Remote<'a>,
    /// Where files go, at the user's and back.
    pub there: PathBuf,
    back: PathBuf,
}

impl<'a> Copying<'a> {
    /// Folders are made in `folder`.
    pub fn begin(folder: &Path, cable: Option<&'a Cable>) -> anyhow::Result<Copying<'a>> {
        let made = |name: &str| {
            let path = folder.join(name);
            fs::create_dir_all(&path)?;
            path.canonicalize()
        };
        let mut copying = Copying {
            session: Remote::begin(cable, "view,files")?,
            there: made("there")?,
            back: made("back")?,
        };
        copying.agree(&made("first")?)?;
        Ok(copying)
    }

    /// The user agrees to all with the first one.
    fn agree(&mut self, folder: &Path) -> anyhow::Result<()> {
        let first = folder.join("first");
        fs::write(&first, "first")?;
        let mut command =
            self.session
                .command(&["send", &shown(&first), "--to", &shown(&self.there)])?;
        self.session.agent.answer_files("all")?;
        command.events.wait("copied", SOON)?;
        Ok(())
    }

    /// Sends a file or folder; how long that took.
    pub fn send(&mut self, path: &Path) -> anyhow::Result<Duration> {
        let there = shown(&self.there);
        self.run(&["send", &shown(path), "--to", &there])
    }

    /// Fetches what was sent.
    pub fn fetch(&mut self, name: &str) -> anyhow::Result<Duration> {
        let (path, back) = (shown(&self.there.join(name)), shown(&self.back));
        self.run(&["fetch", &path, "--to", &back])
    }

    fn run(&mut self, args: &[&str]) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let mut command = self.session.command(args)?;
        let copied = command.events.wait("copied", LONG)?;
        let took = start.elapsed();
        ensure!(copied["not_copied"] == 0, "{copied}");
        Ok(took)
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A file of noise, which nothing makes smaller.
pub fn large_file(path: &Path, megabytes: u64) -> anyhow::Result<()> {
    let mut chance = Chance::new(7);
    let mut file = fs::File::create(path)?;
    for _ in 0..megabytes {
        let words = (0..1 << 17).flat_map(|_| chance.draw().to_le_bytes());
        std::io::Write::write_all(&mut file, &words.collect::<Vec<u8>>())?;
    }
    Ok(())
}

/// A folder of so many small files of noise, a thousand in each of its folders.
pub fn small_files(folder: &Path, count: u64, bytes: usize) -> anyhow::Result<()> {
    let mut chance = Chance::new(9);
    let noise: Vec<u8> = (0..1 << 17)
        .flat_map(|_| chance.draw().to_le_bytes())
        .collect();
    for n in 0..count {
        let folder = folder.join((n / 1_000).to_string());
        if n % 1_000 == 0 {
            fs::create_dir_all(&folder)?;
        }
        let at = n as usize % (noise.len() - bytes);
        fs::write(folder.join(n.to_string()), &noise[at..at + bytes])
            .context("no room for the small files")?;
    }
    Ok(())
}
