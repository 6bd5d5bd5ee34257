//! `sightline org …`: the administrator's folder with the root key, the technicians and the auditors.

mod folder;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use sightline_program::files;
use sightline_program::report::Report;
use sightline_protocol::record::Class;

use folder::Folder;

/// What an administrator can do.
#[derive(Subcommand)]
pub enum OrgCommand {
    /// Found an organisation: make its root key and its first bundle.
    Init {
        /// Its name, as users will read it.
        name: String,
        /// The file relay.identity that `sightline-relay init` wrote.
        #[arg(long, value_name = "FILE")]
        relay: PathBuf,
        /// Auditors to begin with (more by `org auditor add`); without one, nobody can replay recordings.
        #[arg(long = "auditor", value_name = "NAME", default_value = "auditor")]
        auditors: Vec<String>,
    },
    /// Add, renew or list technicians.
    #[command(subcommand)]
    Technician(TechnicianCommand),
    /// Add, list or remove auditors, or give one a new key.
    #[command(subcommand)]
    Auditor(AuditorCommand),
    /// Sign a new version of the bundle, for the relay and the agents.
    Bundle {
        /// Write it here too.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The relay moved or has new keys: take them from this file.
        #[arg(long, value_name = "FILE")]
        relay: Option<PathBuf>,
    },
    /// Show the organisation, its tiers, technicians and auditors.
    Show,
}

#[derive(Subcommand)]
pub enum TechnicianCommand {
    /// Make a key and a credential for a technician, in one file to hand over.
    Add {
        name: String,
        /// What the technician may ask for: 1 = view and chat, 2 = control and clipboard too, 3 = shell and files too.
        #[arg(long)]
        tier: u8,
        #[command(flatten)]
        life: Life,
    },
    /// Give a technician a new credential for the same key.
    Renew {
        name: String,
        #[command(flatten)]
        life: Life,
    },
    /// List the technicians and their tiers.
    List,
}

#[derive(clap::Args)]
pub struct Life {
    /// Hours until the credential expires; 12 at most.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u8).range(1..=12))]
    hours: u8,
}

#[derive(Subcommand)]
pub enum AuditorCommand {
    /// Make a key for an auditor, who can open the recordings that begin from now on.
    Add {
        name: String,
        /// Only these classes of record, such as picture,input; if not said, all but clipboard-content, so that of what was
        /// copied a recording says the size and the hash. An auditor with clipboard-content reads all of it; users are told.
        #[arg(long, value_delimiter = ',', value_parser = class)]
        classes: Vec<Class>,
    },
    /// List the auditors and what each can open.
    List,
    /// Let an auditor open no recordings that begin from now on. What was recorded before stays open to it.
    Remove { name: String },
    /// Give an auditor a new key for recordings that begin from now on. The old one still opens what was recorded before.
    Rotate { name: String },
}

fn class(word: &str) -> Result<Class, String> {
    Class::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = Class::ALL.iter().map(|class| class.word()).collect();
        format!("the classes are {}", words.join(", "))
    })
}

/// Does what the administrator asked for.
pub fn run(folder: &Path, command: OrgCommand, report: Report) -> anyhow::Result<()> {
    match command {
        OrgCommand::Init {
            name,
            relay,
            auditors,
        } => {
            let mut folder = Folder::init(folder, &name, &relay)?;
            for auditor in auditors {
                add_auditor(&mut folder, &auditor, &[], report)?;
            }
            sign(&mut folder, None, report)
        }
        OrgCommand::Technician(TechnicianCommand::Add { name, tier, life }) => {
            let mut folder = Folder::open(folder)?;
            let path = folder.add_technician(&name, tier, life.hours)?;
            technician_said(&name, &path, life.hours, report);
            Ok(())
        }
        OrgCommand::Technician(TechnicianCommand::Renew { name, life }) => {
            let path = Folder::open(folder)?.renew_technician(&name, life.hours)?;
            technician_said(&name, &path, life.hours, report);
            Ok(())
        }
        OrgCommand::Technician(TechnicianCommand::List) => {
            list_technicians(&Folder::open(folder)?, report);
            Ok(())
        }
        OrgCommand::Auditor(AuditorCommand::List) => {
            list_auditors(&Folder::open(folder)?, report);
            Ok(())
        }
        OrgCommand::Auditor(AuditorCommand::Remove { name }) => {
            let mut folder = Folder::open(folder)?;
            folder.remove_auditor(&name)?;
            let words = format!(
                "{name} opens no recording that begins under the new version. What was recorded before stays open to whoever has the key."
            );
            report.say("auditor_removed", json!({ "name": name }), words);
            sign(&mut folder, None, report)
        }
        OrgCommand::Auditor(AuditorCommand::Rotate { name }) => {
            let mut folder = Folder::open(folder)?;
            let (path, old) = folder.rotate_auditor(&name)?;
            rotated(&name, &path, old.as_deref(), report);
            sign(&mut folder, None, report)
        }
        OrgCommand::Auditor(AuditorCommand::Add { name, classes }) => {
            let mut folder = Folder::open(folder)?;
            add_auditor(&mut folder, &name, &classes, report)?;
            sign(&mut folder, None, report)
        }
        OrgCommand::Bundle { out, relay } => {
            let mut folder = Folder::open(folder)?;
            if let Some(relay) = relay {
                folder.set_relay(&relay)?;
            }
            sign(&mut folder, out.as_deref(), report)
        }
        OrgCommand::Show => show(&Folder::open(folder)?, report),
    }
}

fn technician_said(name: &str, path: &Path, hours: u8, report: Report) {
    let words = format!(
        "{}\nHand it to {name} in a safe way: it holds the secret key. The credential is good for {hours} h.",
        path.display()
    );
    let facts = json!({ "name": name, "file": path, "hours": hours });
    report.say("technician", facts, words);
}

fn add_auditor(
    folder: &mut Folder,
    name: &str,
    classes: &[Class],
    report: Report,
) -> anyhow::Result<()> {
    let path = folder.add_auditor(name, classes)?;
    let words = format!(
        "{}\nHand it to {name} in a safe way and remove it here: it opens the recordings.",
        path.display()
    );
    report.say("auditor", json!({ "name": name, "file": path }), words);
    Ok(())
}

fn rotated(name: &str, path: &Path, old: Option<&Path>, report: Report) {
    let kept = match old {
        Some(old) => format!("The old key is kept in {}", old.display()),
        None => format!("{name} must keep the old key"),
    };
    let words = format!(
        "{}\nHand it to {name} in a safe way and remove it here: it opens the recordings from now on.\n{kept}: only it opens what was recorded before.",
        path.display()
    );
    let facts = json!({ "name": name, "file": path, "old": old });
    report.say("auditor_rotated", facts, words);
}

fn list_technicians(folder: &Folder, report: Report) {
    for (name, tier) in folder.technicians() {
        let facts = json!({ "name": name, "tier": tier });
        report.say("technician", facts, format!("{name}, tier {tier}"));
    }
}

fn list_auditors(folder: &Folder, report: Report) {
    for (name, key, classes) in folder.auditor_entries() {
        let facts = json!({ "name": name, "key": key, "classes": classes });
        let words = format!("{name}: {} (key {key})", classes.join(", "));
        report.say("auditor", facts, words);
    }
}

fn sign(folder: &mut Folder, out: Option<&Path>, report: Report) -> anyhow::Result<()> {
    let (path, bundle) = folder.sign_bundle()?;
    if let Some(out) = out {
        files::replace(out, &files::read(&path)?, files::Mode::Public)?;
    }
    let words = format!(
        "{}\nVersion {} of the bundle of {}. Give it to the relay and to the agents.\nRoot key: {}",
        path.display(),
        bundle.serial,
        bundle.organisation,
        bundle.root.fingerprint()
    );
    report.say("bundle", files::bundle_facts(&bundle), words);
    Ok(())
}

fn show(folder: &Folder, report: Report) -> anyhow::Result<()> {
    let (_, bundle) = folder.bundle()?;
    let mut words = format!(
        "{} (version {})\nRoot key  {}\nRelay     {}\n",
        bundle.organisation,
        bundle.serial,
        bundle.root.fingerprint(),
        bundle.relay.address
    );
    for tier in &bundle.tiers {
        words += &format!(
            "Tier {}    {}: {}\n",
            tier.number, tier.name, tier.capabilities
        );
    }
    for auditor in &bundle.auditors {
        let classes: Vec<&str> = auditor.classes.iter().map(|class| class.word()).collect();
        words += &format!("Auditor   {}: {}\n", auditor.name, classes.join(", "));
    }
    for (name, tier) in folder.technicians() {
        words += &format!("Technician {name}, tier {tier}\n");
    }
    let technicians: Vec<_> = folder
        .technicians()
        .map(|(name, tier)| json!({ "name": name, "tier": tier }))
        .collect();
    let facts = json!({ "bundle": files::bundle_facts(&bundle), "technicians": technicians });
    report.say("organisation", facts, words.trim_end());
    Ok(())
}
