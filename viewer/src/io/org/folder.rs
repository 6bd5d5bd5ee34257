//! The administrator's folder on disk:
//! `root.key`, `issuer.key`, `org.toml` (what the next bundle will say), `org.bundle`, `technicians/`, `auditors/`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use sightline_ends::keys::AuditorKey;
use sightline_ends::rng::seed;
use sightline_program::clock::{Chance, unix_ms};
use sightline_program::files::{self, Mode};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::id::{Digest, PublicKey, WrapKey};
use sightline_protocol::record::Class;
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{Auditor, Credential, OrgBundle, RelayIdentity, Tier};
use sightline_protocol::wire;

use crate::io::technician;

/// What `sightline-relay init` writes for us.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelayFile {
    address: String,
    certificate: String,
    receipt_key: String,
}

#[derive(Serialize, Deserialize)]
struct OrgFile {
    name: String,
    serial: u64,
    relay: RelayFile,
    tiers: Vec<TierEntry>,
    #[serde(default)]
    auditors: Vec<AuditorEntry>,
    #[serde(default)]
    technicians: Vec<TechnicianEntry>,
}

#[derive(Serialize, Deserialize)]
struct TierEntry {
    number: u8,
    name: String,
    capabilities: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct AuditorEntry {
    name: String,
    key: String,
    classes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct TechnicianEntry {
    name: String,
    tier: u8,
    key: String,
}

/// An open folder.
pub struct Folder {
    path: PathBuf,
    file: OrgFile,
}

/// Longest name in characters: what fits a prompt.
const NAME_CAP: usize = sightline_ends::handshake::NAME_CAP;

fn check_name(what: &str, name: &str) -> anyhow::Result<()> {
    let harmless = sightline_ends::text::harmless(name, NAME_CAP);
    ensure!(
        !name.is_empty() && harmless == name && !name.contains('/') && !name.starts_with('.'),
        "'{name}' cannot be the name of {what}: use 1 to {NAME_CAP} printable characters, no '/' and no '.' at the start"
    );
    Ok(())
}

/// Tier 1 sees and chats, 2 also controls, 3 also has shell and files.
fn default_tiers() -> Vec<TierEntry> {
    use Capability::{Chat, Control, Files, ReadClipboard, SetClipboard, Shell, View};
    let tier = |number, name: &str, list: &[Capability]| TierEntry {
        number,
        name: name.into(),
        capabilities: list.iter().map(|c| c.word().to_owned()).collect(),
    };
    vec![
        tier(1, "look", &[View, Chat]),
        tier(
            2,
            "help",
            &[View, Chat, Control, ReadClipboard, SetClipboard],
        ),
        tier(
            3,
            "repair",
            &[
                View,
                Chat,
                Control,
                ReadClipboard,
                SetClipboard,
                Shell,
                Files,
            ],
        ),
    ]
}

fn read_relay(path: &Path) -> anyhow::Result<RelayFile> {
    let text = files::read(path)?;
    let text = std::str::from_utf8(&text).context("the relay's identity is not text")?;
    toml::from_str(text).with_context(|| {
        format!(
            "the file {} is not a relay's identity (sightline-relay init writes it)",
            path.display()
        )
    })
}

fn new_signing_key(path: &Path) -> anyhow::Result<SigningKey> {
    let key = SigningKey::from_seed(&seed(&mut Chance::default()));
    files::create(path, files::signing_key_pem(&key).as_bytes(), Mode::Secret)?;
    Ok(key)
}

impl Folder {
    pub fn init(path: &Path, name: &str, relay: &Path) -> anyhow::Result<Folder> {
        check_name("an organisation", name)?;
        let relay = read_relay(relay)?;
        ensure!(
            !path.join("root.key").exists(),
            "the folder {} holds an organisation already",
            path.display()
        );
        for part in ["technicians", "auditors"] {
            files::create_folder(&path.join(part))?;
        }
        new_signing_key(&path.join("root.key"))?;
        new_signing_key(&path.join("issuer.key"))?;
        let folder = Folder {
            path: path.to_owned(),
            file: OrgFile {
                name: name.to_owned(),
                serial: 0,
                relay,
                tiers: default_tiers(),
                auditors: Vec::new(),
                technicians: Vec::new(),
            },
        };
        folder.save()?;
        Ok(folder)
    }

    pub fn open(path: &Path) -> anyhow::Result<Folder> {
        let file = path.join("org.toml");
        let text = match files::read(&file) {
            Err(error) if error.is_not_found() => bail!(
                "no organisation in {}: found one with `sightline org init`, or name its folder with --dir",
                path.display()
            ),
            other => other?,
        };
        let text = std::str::from_utf8(&text).context("org.toml is not text")?;
        let file = toml::from_str(text)
            .with_context(|| format!("the file {} cannot be read", file.display()))?;
        Ok(Folder {
            path: path.to_owned(),
            file,
        })
    }

    fn save(&self) -> anyhow::Result<()> {
        let text = toml::to_string(&self.file)?;
        files::replace(&self.path.join("org.toml"), text.as_bytes(), Mode::Secret)?;
        Ok(())
    }

    fn key(&self, name: &str) -> anyhow::Result<SigningKey> {
        Ok(files::read_signing_key(&self.path.join(name))?)
    }

    pub fn set_relay(&mut self, identity: &Path) -> anyhow::Result<()> {
        self.file.relay = read_relay(identity)?;
        self.save()
    }

    pub fn bundle(&self) -> anyhow::Result<(Signed<OrgBundle>, OrgBundle)> {
        Ok(files::read_bundle(&self.path.join("org.bundle"))?)
    }

    /// The technicians' names and tiers.
    pub fn technicians(&self) -> impl Iterator<Item = (&str, u8)> {
        self.file
            .technicians
            .iter()
            .map(|technician| (technician.name.as_str(), technician.tier))
    }

    /// Signs what `org.toml` says, one version higher.
    pub fn sign_bundle(&mut self) -> anyhow::Result<(PathBuf, OrgBundle)> {
        self.file.serial += 1;
        let root = self.key("root.key")?;
        let bundle = OrgBundle {
            serial: self.file.serial,
            organisation: self.file.name.clone(),
            root: root.public(),
            issuer: self.key("issuer.key")?.public(),
            relay: self.relay()?,
            auditors: self.auditors()?,
            tiers: self.tiers()?,
            issued_ms: unix_ms(),
        };
        let signed = Signed::sign(&bundle, &root);
        self.save()?;
        let path = self.path.join("org.bundle");
        files::replace(&path, &wire::encode(&signed), Mode::Public)?;
        self.refresh_auditor_files(&signed)?;
        Ok((path, bundle))
    }

    fn relay(&self) -> anyhow::Result<RelayIdentity> {
        let relay = &self.file.relay;
        Ok(RelayIdentity {
            address: relay.address.clone(),
            certificate: Digest::from_hex(&relay.certificate)
                .context("the relay's certificate digest is not 64 hexadecimal digits")?,
            receipt_key: PublicKey::from_hex(&relay.receipt_key)
                .context("the relay's receipt key is not 64 hexadecimal digits")?,
        })
    }

    fn auditors(&self) -> anyhow::Result<Vec<Auditor>> {
        let auditor = |entry: &AuditorEntry| {
            let classes = entry.classes.iter().map(|word| Class::from_word(word));
            Some(Auditor {
                name: entry.name.clone(),
                key: WrapKey::from_hex(&entry.key)?,
                classes: classes.collect::<Option<_>>()?,
            })
        };
        let auditors = self.file.auditors.iter().map(|entry| {
            auditor(entry)
                .with_context(|| format!("auditor {} in org.toml is malformed", entry.name))
        });
        auditors.collect()
    }

    fn tiers(&self) -> anyhow::Result<Vec<Tier>> {
        let tier = |entry: &TierEntry| {
            let named = entry.capabilities.iter().map(|w| Capability::named(w));
            let mut capabilities = Capabilities::NONE;
            for named in named {
                capabilities = named.iter().fold(capabilities, Capabilities::with);
                (!named.is_empty()).then_some(())?;
            }
            Some(Tier {
                number: entry.number,
                name: entry.name.clone(),
                capabilities,
            })
        };
        let tiers = self.file.tiers.iter().map(|entry| {
            tier(entry).with_context(|| {
                format!(
                    "tier {} in org.toml names a capability that is not known",
                    entry.number
                )
            })
        });
        tiers.collect()
    }

    /// Makes a technician's key and file; gives the file's path.
    pub fn add_technician(&mut self, name: &str, tier: u8, hours: u8) -> anyhow::Result<PathBuf> {
        check_name("a technician", name)?;
        ensure!(
            !self.technicians().any(|(other, _)| other == name),
            "there is a technician {name} already; `org technician renew` gives a new credential"
        );
        let tiers: Vec<String> = self
            .file
            .tiers
            .iter()
            .map(|t| t.number.to_string())
            .collect();
        ensure!(
            self.file.tiers.iter().any(|entry| entry.number == tier),
            "there is no tier {tier}; the tiers are {}",
            tiers.join(", ")
        );
        let key = SigningKey::from_seed(&seed(&mut Chance::default()));
        let path = self.write_technician(&key, name, tier, hours)?;
        self.file.technicians.push(TechnicianEntry {
            name: name.to_owned(),
            tier,
            key: key.public().to_string(),
        });
        self.save()?;
        Ok(path)
    }

    pub fn renew_technician(&mut self, name: &str, hours: u8) -> anyhow::Result<PathBuf> {
        let Some((_, tier)) = self.technicians().find(|(other, _)| *other == name) else {
            bail!("there is no technician {name}; `org show` lists them");
        };
        let path = self.technician_path(name);
        let text = files::read(&path)?;
        let key = files::signing_key_in(&path, &text)?;
        self.write_technician(&key, name, tier, hours)
    }

    fn technician_path(&self, name: &str) -> PathBuf {
        let file = format!("{name}.technician");
        self.path.join("technicians").join(file)
    }

    fn write_technician(
        &self,
        key: &SigningKey,
        name: &str,
        tier: u8,
        hours: u8,
    ) -> anyhow::Result<PathBuf> {
        let now = unix_ms();
        let credential = Credential {
            technician: key.public(),
            name: name.to_owned(),
            organisation: self.file.name.clone(),
            tier,
            issued_ms: now,
            expires_ms: now + u64::from(hours) * 3_600_000,
        };
        let signed = Signed::sign(&credential, &self.key("issuer.key")?);
        let path = self.technician_path(name);
        technician::write(&path, key, &signed, &self.bundle()?.0)?;
        Ok(path)
    }

    /// Makes an auditor's key and file; gives the file's path. The bundle must be signed anew to take effect.
    pub fn add_auditor(&mut self, name: &str, classes: &[Class]) -> anyhow::Result<PathBuf> {
        check_name("an auditor", name)?;
        ensure!(
            self.auditor_at(name).is_err(),
            "there is an auditor {name} already; `org auditor rotate` gives a new key"
        );
        let path = self.auditor_path(name);
        let key = AuditorKey::from_seed(&seed(&mut Chance::default()));
        files::create(&path, files::auditor_key_pem(&key).as_bytes(), Mode::Secret)?;
        let classes = if classes.is_empty() {
            &Class::USUAL[..]
        } else {
            classes
        };
        self.file.auditors.push(AuditorEntry {
            name: name.to_owned(),
            key: key.public().to_string(),
            classes: classes
                .iter()
                .map(|class| class.word().to_owned())
                .collect(),
        });
        self.save()?;
        Ok(path)
    }

    /// Who can open what is recorded from now on: name, key, classes.
    pub fn auditor_entries(&self) -> impl Iterator<Item = (&str, &str, &[String])> {
        let entries = self.file.auditors.iter();
        entries.map(|a| (a.name.as_str(), a.key.as_str(), &a.classes[..]))
    }

    fn auditor_at(&self, name: &str) -> anyhow::Result<usize> {
        let found = self.file.auditors.iter().position(|a| a.name == name);
        found.with_context(|| format!("there is no auditor {name}; `org auditor list` lists them"))
    }

    /// Takes an auditor out of the bundles to come. Its file, if it is here, stays: it opens what was recorded before.
    pub fn remove_auditor(&mut self, name: &str) -> anyhow::Result<()> {
        let at = self.auditor_at(name)?;
        self.file.auditors.remove(at);
        self.save()
    }

    /// Gives an auditor a new key for the recordings to come. Gives the new file and, if the old key's file is here,
    /// where it is kept now: it opens what was recorded before.
    pub fn rotate_auditor(&mut self, name: &str) -> anyhow::Result<(PathBuf, Option<PathBuf>)> {
        let at = self.auditor_at(name)?;
        let path = self.auditor_path(name);
        let serial = self.file.serial;
        let old = self.auditor_path(&format!("{name}.until-version-{serial}"));
        let kept = match path.exists() {
            true => {
                ensure!(!old.exists(), "{} is there already", old.display());
                std::fs::rename(&path, &old)
                    .with_context(|| format!("cannot rename {}", path.display()))?;
                Some(old)
            }
            false => None,
        };
        let key = AuditorKey::from_seed(&seed(&mut Chance::default()));
        files::create(&path, files::auditor_key_pem(&key).as_bytes(), Mode::Secret)?;
        self.file.auditors[at].key = key.public().to_string();
        self.save()?;
        Ok((path, kept))
    }

    fn auditor_path(&self, name: &str) -> PathBuf {
        self.path.join("auditors").join(format!("{name}.auditor"))
    }

    /// Auditors' files that are still here get the bundle whose root their owners will trust.
    fn refresh_auditor_files(&self, bundle: &Signed<OrgBundle>) -> anyhow::Result<()> {
        for auditor in &self.file.auditors {
            let path = self.auditor_path(&auditor.name);
            let key = match files::read_auditor_key(&path) {
                Err(error) if error.is_not_found() => continue,
                other => other?,
            };
            let mut text = files::auditor_key_pem(&key);
            text.push_str(&technician::bundle_section(bundle));
            files::replace(&path, text.as_bytes(), Mode::Secret)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn founded(at: &Path) -> Folder {
        let identity = at.join("relay.identity");
        let hex = "00".repeat(32);
        let text = format!("address = 'r:1'\ncertificate = '{hex}'\nreceipt_key = '{hex}'\n");
        std::fs::write(&identity, text).unwrap();
        let mut folder = Folder::init(&at.join("org"), "Example", &identity).unwrap();
        folder.add_auditor("Ada", &[Class::Picture]).unwrap();
        folder.sign_bundle().unwrap();
        folder
    }

    #[test]
    fn a_new_key_raises_the_version_and_keeps_the_old_one_for_old_recordings() {
        let at = tempfile::tempdir().unwrap();
        let mut folder = founded(at.path());
        let before = folder.bundle().unwrap().1;
        let (path, old) = folder.rotate_auditor("Ada").unwrap();
        let after = folder.sign_bundle().unwrap().1;
        assert_eq!(after.serial, before.serial + 1);
        let public = |path: &Path| files::read_auditor_key(path).unwrap().public();
        assert_eq!(public(&old.unwrap()), before.auditors[0].key);
        assert_eq!(public(&path), after.auditors[0].key);
        assert_eq!(after.auditors[0].classes, [Class::Picture]);
        assert!(folder.rotate_auditor("Bob").is_err());
    }

    #[test]
    fn a_removed_auditor_is_in_no_later_bundle() {
        let at = tempfile::tempdir().unwrap();
        let mut folder = founded(at.path());
        folder.remove_auditor("Ada").unwrap();
        assert!(folder.remove_auditor("Ada").is_err());
        let bundle = folder.sign_bundle().unwrap().1;
        assert!(bundle.auditors.is_empty() && bundle.serial == 2);
    }
}
