//! Disks that are small, slow, broken or read-only.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::program::Kept;

/// A small disk of our own.
pub struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// `None` where we may not mount.
    pub fn mount(megabytes: u32) -> anyhow::Result<Option<Disk>> {
        Disk::mount_with(&format!("size={megabytes}m"))
    }

    /// With these options of tmpfs.
    pub fn mount_with(options: &str) -> anyhow::Result<Option<Disk>> {
        let folder = tempfile::tempdir()?;
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder.path())
            .output()?;
        if !mount.status.success() {
            let why = String::from_utf8_lossy(&mount.stderr);
            eprintln!("skipped: this test mounts a small disk and may not: {why}");
            return Ok(None);
        }
        Ok(Some(Disk { folder }))
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file with which [`Disk::fill`] filled it.
    pub fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Takes all the room that is left.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = std::fs::File::create(self.ballast())?;
        let piece = vec![1; 1 << 16];
        while file.write_all(&piece).is_ok() {}
        Ok(())
    }

    /// Takes all the room but for so many bytes, at once.
    pub fn leave(&self, bytes: u64) -> anyhow::Result<()> {
        let mut options = std::fs::File::options();
        let file = options.create(true).append(true).open(self.ballast())?;
        let taken = self.free()?.checked_sub(bytes);
        let taken = taken.context("there is less room than that")?;
        let end = file.metadata()?.len();
        let flags = rustix::fs::FallocateFlags::empty();
        Ok(rustix::fs::fallocate(&file, flags, end, taken)?)
    }

    /// Bytes that find room.
    pub fn free(&self) -> anyhow::Result<u64> {
        let disk = rustix::fs::statvfs(self.path())?;
        Ok(disk.f_bavail * disk.f_frsize)
    }

    /// From now on nothing can be written to it.
    pub fn make_read_only(&self) -> anyhow::Result<()> {
        self.remount("ro")
    }

    /// Mounts it anew with this option, and what is on it.
    pub fn remount(&self, option: &str) -> anyhow::Result<()> {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{option}")]);
        let done = mount.arg(self.path()).status()?.success();
        anyhow::ensure!(done, "it cannot be mounted with {option}");
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// What happens to a process each time it makes a file durable. Ends when dropped.
pub struct Syncs {
    strace: Kept,
}

impl Syncs {
    /// Each takes this much longer. `None` where we may not trace.
    pub fn slow(pid: u32, milliseconds: u32) -> anyhow::Result<Option<Syncs>> {
        Syncs::inject(pid, &format!("delay_enter={}", milliseconds * 1_000))
    }

    /// Each fails, as on a broken disk.
    pub fn failing(pid: u32) -> anyhow::Result<Option<Syncs>> {
        Syncs::inject(pid, "error=EIO")
    }

    fn inject(pid: u32, what: &str) -> anyhow::Result<Option<Syncs>> {
        let mut command = Command::new("strace");
        command
            .args(["-f", "-o", "/dev/null", "-e", "trace=fdatasync,fsync"])
            .args(["-e", &format!("inject=fdatasync,fsync:{what}")])
            .args(["-p", &pid.to_string()])
            .stderr(Stdio::piped());
        let mut strace = Kept::spawn(&mut command).context("install strace")?;
        let errors = strace.0.stderr.take().context("no standard error")?;
        let mut first = String::new();
        let mut errors = BufReader::new(errors);
        errors.read_line(&mut first)?;
        // It says more for each new thread, and somebody must listen.
        std::thread::spawn(move || for _ in errors.lines() {});
        if !first.contains("attached") {
            eprintln!("skipped: this test traces the relay and may not: {first}");
            return Ok(None);
        }
        Ok(Some(Syncs { strace }))
    }

    /// The disk is well again.
    pub fn heal(self) -> anyhow::Result<()> {
        self.strace.signal(rustix::process::Signal::TERM)
    }
}
