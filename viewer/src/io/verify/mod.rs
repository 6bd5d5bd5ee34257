//! `sightline verify`: proves that recordings are what was sent, offline.

mod file;
mod folder;
mod history;
mod ledger;
mod seen;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use sightline_ends::keys::AuditorKey;
use sightline_program::files;
use sightline_program::report::Report;
use sightline_protocol::statements::OrgBundle;
use sightline_protocol::verify::Fault;

use super::technician;
use crate::pure::verdict::{self, Checked, Trouble};
use ledger::Ledger;

#[derive(Args)]
pub struct VerifyArgs {
    /// Recordings (.slrec), or folders of them. For a folder the relay's ledger is needed, too: whole sessions that
    /// disappeared show only there.
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
    /// Whom you trust: org.bundle, or your auditor's file. With an auditor's file every record that it can open is
    /// opened, and the first bad one is named exactly.
    #[arg(long, env = "SIGHTLINE_KEY", value_name = "FILE")]
    key: PathBuf,
    /// The relay's ledger. Default: `ledger` beside or above the folder, or `data/ledger` there.
    #[arg(long, value_name = "FOLDER")]
    ledger: Option<PathBuf>,
    /// A user's history (`sightline-agent history`): a file, or the folder. Holds the relay to what it signed.
    #[arg(long, value_name = "FILE|FOLDER")]
    history: Vec<PathBuf>,
    /// Do not compare the ledger with the one that was seen the last time, and do not remember this one.
    #[arg(long)]
    forget: bool,
}

/// Whom to believe, and what can be opened.
pub struct Trust {
    pub bundle: OrgBundle,
    pub auditor: Option<AuditorKey>,
}

impl Trust {
    fn read(path: &Path) -> anyhow::Result<Trust> {
        if let Ok((_, bundle)) = files::read_bundle(path) {
            return Ok(Trust {
                bundle,
                auditor: None,
            });
        }
        let text = files::read(path)?;
        let (_, bundle) = technician::read_bundle(path, &text)?;
        let auditor = files::read_auditor_key(path).ok();
        Ok(Trust { bundle, auditor })
    }
}

/// Verifies everything; the exit code is that of the first fault, or of the first unclean end.
pub fn run(args: &VerifyArgs, report: Report) -> anyhow::Result<ExitCode> {
    let trust = Trust::read(&args.key)?;
    let files = folder::recordings(&args.paths)?;
    let folder = args.paths.iter().find(|path| path.is_dir());
    let ledger = open_ledger(args, &trust)?;
    let mut checked = Vec::new();
    for path in &files {
        let one = file::check(path, &trust, report)?;
        say(&one, report);
        checked.push(one);
    }
    let mut troubles = Vec::new();
    match &ledger {
        Some(ledger) => {
            troubles.extend(ledger.troubles());
            troubles.extend(folder::against_ledger(&checked, ledger, folder.is_some()));
        }
        None if folder.is_some() => bail!(
            "the relay's ledger is not beside the folder; --ledger FOLDER says where it is. Without it, nobody can say whether whole sessions have disappeared"
        ),
        None => {}
    }
    for path in &args.history {
        troubles.extend(history::check(
            path,
            &trust.bundle,
            &checked,
            ledger.as_ref(),
        )?);
    }
    if let Some(ledger) = ledger.as_ref().filter(|_| !args.forget) {
        troubles.extend(seen::compare(ledger, &trust.bundle)?);
    }
    troubles
        .iter()
        .for_each(|trouble| say_trouble(trouble, report));
    Ok(sum_up(&checked, &troubles, ledger.as_ref(), report))
}

fn open_ledger(args: &VerifyArgs, trust: &Trust) -> anyhow::Result<Option<Ledger>> {
    let found = match &args.ledger {
        Some(path) => Some(path.clone()),
        None => args.paths.iter().find_map(|path| ledger::near(path)),
    };
    let Some(path) = found else { return Ok(None) };
    let ledger = Ledger::open(&path, &trust.bundle.relay.receipt_key)
        .with_context(|| format!("cannot read the ledger in {}", path.display()))?;
    Ok(Some(ledger))
}

fn say(one: &Checked, report: Report) {
    report.say("verified", verdict::facts(one), verdict::words(one));
}

fn say_trouble(trouble: &Trouble, report: Report) {
    let facts = json!({
        "fault": trouble.fault.word(),
        "exit_code": trouble.fault.exit_code(),
        "what": trouble.what,
    });
    report.say(
        "trouble",
        facts,
        format!("{}: {}", trouble.fault.word(), trouble.what),
    );
}

fn sum_up(
    checked: &[Checked],
    troubles: &[Trouble],
    ledger: Option<&Ledger>,
    report: Report,
) -> ExitCode {
    let count = |state: &str| checked.iter().filter(|one| one.word() == state).count();
    let (whole, unclean) = (count("whole"), count(Fault::Unclean.word()));
    let broken = checked.len() - whole - unclean;
    let codes = checked.iter().map(Checked::exit_code);
    let codes = codes.chain(troubles.iter().map(|t| t.fault.exit_code()));
    let unclean_code = Fault::Unclean.exit_code();
    let mut codes: Vec<u8> = codes.filter(|code| *code != 0).collect();
    codes.sort_by_key(|code| *code == unclean_code); // stable: a fault before an unclean end
    let exit = codes.first().copied().unwrap_or(0);
    let facts = json!({
        "recordings": checked.len(), "whole": whole, "unclean": unclean, "broken": broken,
        "troubles": troubles.len(), "ledger_entries": ledger.map(|l| l.head().size), "exit_code": exit,
    });
    let words = match (checked.len(), troubles.len()) {
        (1, 0) => String::new(),
        (all, more) => {
            let ledger = ledger.map_or(String::new(), |l| {
                format!("; the ledger has {} entries", l.head().size)
            });
            let more = match more {
                0 => String::new(),
                1 => "; 1 more finding".to_owned(),
                n => format!("; {n} more findings"),
            };
            format!(
                "{all} recordings: {whole} whole, {unclean} unclean, {broken} broken{ledger}{more}."
            )
        }
    };
    report.say("sum", facts, words);
    ExitCode::from(exit)
}
