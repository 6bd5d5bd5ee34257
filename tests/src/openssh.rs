//! OpenSSH beside us: a server of our own for one run, and its clients (Debian package openssh-server).

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::program::Kept;

/// How long a server may take to listen.
const SOON: Duration = Duration::from_secs(10);

/// A running sshd with keys of its own.
pub struct Server {
    _process: Kept,
    folder: PathBuf,
    address: String,
    port: u16,
}

impl Server {
    /// Listens there, in the network namespace of this thread; keeps its keys in a new folder. Another sshd than Debian's
    /// can be named by SIGHTLINE_SSHD.
    pub fn start(folder: &Path, address: &str, port: u16) -> anyhow::Result<Server> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let at = |name: &str| folder.join(name).display().to_string();
        for key in ["host", "person"] {
            let mut made = Command::new("ssh-keygen");
            made.args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]);
            run(&mut made).context("./scripts/setup.sh bench installs openssh")?;
        }
        let config = format!(
            "Port {port}\nListenAddress {address}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\nSubsystem sftp internal-sftp\n",
            at("host"),
            at("person.pub")
        );
        fs::write(folder.join("config"), config)?;
        let _ = fs::create_dir_all("/run/sshd"); // where it lives; only root's sshd asks for it
        let sshd = std::env::var("SIGHTLINE_SSHD").unwrap_or("/usr/sbin/sshd".into());
        let mut command = Command::new(&sshd);
        command.args(["-D", "-e", "-f", &at("config")]);
        command.stderr(File::create(folder.join("log"))?);
        let process = Kept::spawn(&mut command)?;
        let until = Instant::now() + SOON;
        while TcpStream::connect((address, port)).is_err() {
            ensure!(Instant::now() < until, "sshd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Server {
            _process: process,
            folder,
            address: address.to_owned(),
            port,
        })
    }

    fn options(&self) -> Vec<String> {
        let key = self.folder.join("person").display().to_string();
        let mut options = vec!["-i".to_owned(), key];
        for option in [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
        ] {
            options.push(format!("-o{option}"));
        }
        options
    }

    /// What `ssh` is called with to run this there.
    pub fn ssh(&self, more: &[&str], command: &str) -> Vec<String> {
        let mut args = self.options();
        args.extend(["-p".to_owned(), self.port.to_string()]);
        args.extend(more.iter().map(|&word| word.to_owned()));
        args.extend([self.address.clone(), command.to_owned()]);
        args
    }

    /// Copies a file or folder into a folder over there.
    pub fn send(&self, source: &Path, to: &Path) -> anyhow::Result<()> {
        let to = format!("{}:{}", self.address, to.display());
        run(self.scp().arg(source).arg(to))
    }

    /// Copies a file or folder from over there into a folder.
    pub fn fetch(&self, source: &Path, to: &Path) -> anyhow::Result<()> {
        let source = format!("{}:{}", self.address, source.display());
        run(self.scp().arg(source).arg(to))
    }

    fn scp(&self) -> Command {
        let mut command = Command::new("scp");
        command.args(["-q", "-r", "-P", &self.port.to_string()]);
        command.args(self.options());
        command
    }

    /// The same by `tar` through `ssh`, as people do who have many small files.
    pub fn send_by_tar(&self, source: &Path, to: &Path) -> anyhow::Result<()> {
        let parent = source.parent().context("a source without a folder")?;
        let name = source.file_name().context("a source without a name")?;
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(parent).arg("-cf").arg("-").arg(name);
        let mut tar = Kept::spawn(tar.stdout(Stdio::piped()))?;
        let out = tar.0.stdout.take().context("no standard output")?;
        let unpack = format!("tar -C {} -xf -", to.display());
        let mut ssh = Command::new("ssh");
        ssh.args(self.ssh(&[], &unpack)).stdin(out);
        run_with_input(&mut ssh)
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    run_with_input(command.stdin(Stdio::null()))
}

fn run_with_input(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}
