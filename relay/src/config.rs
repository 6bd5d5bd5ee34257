//! `relay.toml`: read strictly, written with its comments.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::pure::retention::Retention;

/// The file as it is. Paths are relative to the file's own directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub listen: SocketAddr,
    pub organisation: PathBuf,
    #[serde(default = "recordings")]
    pub recordings: PathBuf,
    #[serde(default = "data")]
    pub data: PathBuf,
    #[serde(default = "certificate")]
    pub certificate: PathBuf,
    #[serde(default = "certificate_key")]
    pub certificate_key: PathBuf,
    #[serde(default = "receipt_key")]
    pub receipt_key: PathBuf,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub retention: Retention,
}

fn recordings() -> PathBuf {
    "recordings".into()
}
fn data() -> PathBuf {
    "data".into()
}
fn certificate() -> PathBuf {
    "tls.crt".into()
}
fn certificate_key() -> PathBuf {
    "tls.key".into()
}
fn receipt_key() -> PathBuf {
    "receipt.key".into()
}

/// The `[limits]` table.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub max_sessions: usize,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
    pub nameplate_lifetime_s: u32,
    pub silence_s: u32,
    pub min_free_bytes: u64,
    pub health_every_s: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_sessions: 500,
            max_connections: 4_096,
            max_connections_per_address: 256,
            nameplate_lifetime_s: 600,
            silence_s: 120,
            min_free_bytes: 1 << 30,
            health_every_s: 60,
        }
    }
}

impl Limits {
    pub fn broker(&self) -> crate::pure::limits::Limits {
        crate::pure::limits::Limits {
            sessions: self.max_sessions,
            nameplate_life: Duration::from_secs(self.nameplate_lifetime_s.into()),
            ..Default::default()
        }
    }

    pub fn link(&self) -> sightline_link::Limits {
        sightline_link::Limits {
            connections: self.max_connections,
            connections_per_address: self.max_connections_per_address,
            silence: Duration::from_secs(self.silence_s.into()),
            ..Default::default()
        }
    }
}

impl Config {
    /// Reads and checks the file; its paths come back absolute or relative to where we run.
    pub fn load(path: &Path) -> anyhow::Result<Config> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let mut config = Config::parse(&text).with_context(|| format!("in {}", path.display()))?;
        let directory = path.parent().unwrap_or(Path::new(""));
        for file in [
            &mut config.organisation,
            &mut config.recordings,
            &mut config.data,
            &mut config.certificate,
            &mut config.certificate_key,
            &mut config.receipt_key,
        ] {
            *file = directory.join(&*file);
        }
        Ok(config)
    }

    fn parse(text: &str) -> anyhow::Result<Config> {
        let config: Config = toml::from_str(text)?;
        let limits = &config.limits;
        if limits.max_sessions == 0 || limits.max_connections == 0 {
            bail!("max_sessions and max_connections must not be 0");
        }
        if !(10..=86_400).contains(&limits.nameplate_lifetime_s) {
            bail!("nameplate_lifetime_s must be between 10 and 86400 seconds");
        }
        if !(15..=120).contains(&limits.silence_s) {
            bail!("silence_s must be between 15 and 120 seconds");
        }
        if limits.health_every_s == 0 {
            bail!("health_every_s must not be 0");
        }
        Ok(config)
    }
}

/// A new file for a relay on this port.
pub fn template(port: u16) -> String {
    TEMPLATE.replace("0.0.0.0:4600", &format!("0.0.0.0:{port}"))
}

/// Every key with its unit and default.
const TEMPLATE: &str = r#"# Sightline relay. Paths are relative to this file. Unknown keys are refused.

# The one UDP port to serve. "[::]:4600" serves IPv6 and IPv4. Port 0 takes a free one, and the ready line tells it.
listen = "0.0.0.0:4600"

# The organisation whose technicians are let in: made by `sightline org bundle`. Read again on SIGHUP.
organisation = "org.bundle"

# Where recordings go: <yyyy-mm>/<session>.slrec. Default "recordings".
recordings = "recordings"

# Where the ledger (what sessions there were, append-only: keep copies), the catalog and the lock are. Default "data".
data = "data"

# The outer TLS certificate and its key (PEM), and the key that signs receipts (PEM). Programs pin the first by its
# public key and know the last from the organisation's bundle: new keys mean a new bundle.
certificate = "tls.crt"
certificate_key = "tls.key"
receipt_key = "receipt.key"

[limits]
# Sessions at a time. Default 500. Each has a writer thread and up to 16 MB of records under way.
max_sessions = 500

# Connections at a time, and from one address (an IPv6 /64 counts as one). Defaults 4096 and 256.
max_connections = 4096
max_connections_per_address = 256

# How long a session code waits for its technician, in seconds. Default 600.
nameplate_lifetime_s = 600

# For how long a session waits for an end whose line is silent, in seconds, 15 to 120. Default 120. Less means that a
# connection that breaks ends the session sooner; the programs themselves wait no longer than 120.
silence_s = 120

# Bytes kept free on the recordings' disk. Below it new sessions are refused and running ones are ended, before
# anything goes unrecorded. Default 1 GiB.
min_free_bytes = 1073741824

# A health line every so many seconds; SIGUSR1 asks for one at once. Default 60.
health_every_s = 60

[retention]
# What is deleted by itself, each hour and at the start: recordings that ended so many days ago, and the oldest while
# all together have more than so many bytes. What is on hold (`sightline-relay recordings hold`) stays. Each deletion
# is told in the ledger. Default: nothing is deleted.
# keep_days = 365
# keep_bytes = 1000000000000
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_says_the_defaults() {
        let written = Config::parse(TEMPLATE).unwrap();
        let bare = "listen = \"0.0.0.0:4600\"\norganisation = \"org.bundle\"\n";
        let default = Config::parse(bare).unwrap();
        assert_eq!(format!("{written:?}"), format!("{default:?}"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error =
            Config::parse("listen = \"0.0.0.0:1\"\norganisation = \"o\"\nrecordngs = \"r\"\n");
        let words = error.unwrap_err().to_string();
        assert!(words.contains("line 3"), "{words}");
        assert!(words.contains("recordngs"), "{words}");
    }

    #[test]
    fn senseless_limits_are_refused() {
        for line in [
            "max_sessions = 0",
            "nameplate_lifetime_s = 1",
            "health_every_s = 0",
            "silence_s = 14",
            "silence_s = 121",
        ] {
            let text = format!("listen = \"0.0.0.0:1\"\norganisation = \"o\"\n[limits]\n{line}\n");
            assert!(Config::parse(&text).is_err(), "{line}");
        }
    }
}
