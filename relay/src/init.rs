//! `init`: keys, certificate and configuration of a new relay. Existing keys are never overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use ring::rand::{SecureRandom, SystemRandom};
use sightline_link::Certificate;
use sightline_protocol::id::{Digest, PublicKey};
use sightline_protocol::statement::SigningKey;

use crate::config;

/// PEM's label of a PKCS#8 key (RFC 7468 §10).
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// The files, and the modes of those that hold secrets.
const CONFIG: &str = "relay.toml";
const TLS_KEY: &str = "tls.key";
const TLS_CERTIFICATE: &str = "tls.crt";
const RECEIPT_KEY: &str = "receipt.key";
const IDENTITY: &str = "relay.identity";
const SECRET: u32 = 0o600;
const OPEN: u32 = 0o644;

/// What programs must know of the new relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub address: String,
    pub pin: Digest,
    pub receipt_key: PublicKey,
}

impl Identity {
    /// As `sightline org init --relay FILE` reads it.
    pub fn toml(&self) -> String {
        format!(
            "# A Sightline relay, for `sightline org init --relay FILE`. Nothing here is secret.\n\
             address = {:?}\n\
             # SHA-256 of the TLS certificate's public key (SubjectPublicKeyInfo)\n\
             certificate = \"{}\"\n\
             # Ed25519 public key that signs receipts\n\
             receipt_key = \"{}\"\n",
            self.address, self.pin, self.receipt_key
        )
    }
}

/// Makes everything in `directory`.
pub fn init(directory: &Path, address: &str) -> anyhow::Result<Identity> {
    let (name, port) = check_address(address)?;
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    for file in [CONFIG, TLS_KEY, TLS_CERTIFICATE, RECEIPT_KEY, IDENTITY] {
        let path = directory.join(file);
        if path.exists() {
            bail!(
                "{} exists already; new keys would lock out every program that knows the old ones. Choose \
                 another directory, or move the old files away first",
                path.display()
            );
        }
    }
    let (certificate, key) = Certificate::generate(name)?;
    let pin = Certificate::from_pem(certificate.as_bytes(), key.as_bytes())?.pin();
    let mut seed = [0; 32];
    SystemRandom::new()
        .fill(&mut seed)
        .map_err(|_| anyhow!("the system has no randomness"))?;
    let receipt = SigningKey::from_seed(&seed);
    let identity = Identity {
        address: address.to_owned(),
        pin,
        receipt_key: receipt.public(),
    };
    let receipt_pem = pem::encode(&pem::Pem::new(PRIVATE_KEY, receipt.pkcs8()));
    let files = [
        (TLS_KEY, SECRET, key),
        (RECEIPT_KEY, SECRET, receipt_pem),
        (TLS_CERTIFICATE, OPEN, certificate),
        (CONFIG, OPEN, config::template(port)),
        (IDENTITY, OPEN, identity.toml()),
    ];
    for (file, mode, text) in files {
        let path = directory.join(file);
        write_new(&path, mode, &text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(identity)
}

/// Name and port of `name:port`; an IPv6 address stands in brackets.
fn check_address(address: &str) -> anyhow::Result<(&str, u16)> {
    let parts = address.rsplit_once(':');
    match parts.map(|(name, port)| (name, port.parse::<u16>())) {
        Some((name, Ok(port))) if !name.is_empty() => {
            let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
            match bare {
                None if name.contains(':') => {
                    bail!("an IPv6 address stands in brackets, for example [2001:db8::1]:4600")
                }
                _ => Ok((bare.unwrap_or(name), port)),
            }
        }
        _ => bail!("the address {address:?} is not NAME:PORT, for example relay.example.org:4600"),
    }
}

fn write_new(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Reads a key that [`init`] wrote.
pub fn read_signing_key(path: &Path) -> anyhow::Result<SigningKey> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let key = pem::parse(&text)
        .ok()
        .filter(|pem| pem.tag() == PRIVATE_KEY)
        .and_then(|pem| SigningKey::from_pkcs8(pem.contents()));
    key.ok_or_else(|| anyhow!("{} is not an Ed25519 private key in PEM", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_name_and_a_port() {
        assert_eq!(
            check_address("relay.example.org:4600").unwrap(),
            ("relay.example.org", 4600)
        );
        assert_eq!(check_address("[::1]:4600").unwrap(), ("::1", 4600));
        for bad in ["relay", ":4600", "relay:", "relay:70000", "::1:4600"] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }
}
