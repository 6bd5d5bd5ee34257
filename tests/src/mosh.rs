//! mosh beside us (Debian package mosh), without the ssh that usually starts its server.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::glass::Glass;

/// mosh wants UTF-8.
const LOCALE: (&str, &str) = ("LC_ALL", "C.UTF-8");
/// Its server ends when it has heard nothing for so many seconds, however we end.
const FORGOTTEN_S: &str = "120";

/// A running `mosh-server` for one client.
pub struct Server {
    pid: Pid,
    key: String,
    address: String,
    port: u16,
}

impl Server {
    /// Runs a command for who connects, in the network namespace of this thread.
    pub fn start(address: &str, port: u16, command: &str) -> anyhow::Result<Server> {
        let output = Command::new("mosh-server")
            .args(["new", "-i", address, "-p", &port.to_string()])
            .args(["--", "sh", "-c", command])
            .env(LOCALE.0, LOCALE.1)
            .env("MOSH_SERVER_NETWORK_TMOUT", FORGOTTEN_S)
            .stdin(Stdio::null())
            .output()
            .context("./scripts/setup.sh bench installs mosh")?;
        ensure!(output.status.success(), "mosh-server: {output:?}");
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        let said = |text: &str, before: &str| {
            let rest = text.lines().find_map(|line| line.split_once(before));
            Some(rest?.1.trim_end_matches(']').to_owned())
        };
        let key = said(&out, &format!("MOSH CONNECT {port} ")).context("no key")?;
        let pid = said(&err, "detached, pid = ").context("no process")?;
        Ok(Server {
            pid: Pid::from_raw(pid.parse()?).context("no process")?,
            key: key.trim().to_owned(),
            address: address.to_owned(),
            port,
        })
    }

    /// Its client in a terminal, which shows nothing before the server has said it.
    pub fn connect(&self) -> anyhow::Result<Glass> {
        let port = self.port.to_string();
        let environment = [
            LOCALE,
            ("MOSH_KEY", &self.key),
            ("MOSH_PREDICTION_DISPLAY", "never"),
        ];
        let args = [&*self.address, &port].map(OsStr::new);
        Glass::program(Path::new("mosh-client"), &args, &environment)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::TERM);
    }
}
