//! The user's history: one true file per session, whatever happened to it.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;

use sightline_program::history::{History, State};
use sightline_protocol::recording::{Entry, RecordingReader};
use sightline_protocol::statement::Signed;
use sightline_protocol::statements::Receipt;
use sightline_tests::program::run;
use sightline_tests::stage::Stage;
use sightline_tests::world::{SOON, TECHNICIAN};

/// The files of the last agent, in order.
fn files(stage: &Stage) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let entries = std::fs::read_dir(stage.world.agent_home().join("history"))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension() == Some(OsStr::new("toml")));
    paths.sort();
    Ok(paths)
}

fn only(stage: &Stage) -> anyhow::Result<History> {
    let path = &files(stage)?[0];
    assert_eq!(path.metadata()?.permissions().mode() & 0o777, 0o600);
    Ok(History::parse(&std::fs::read_to_string(path)?)?)
}

fn listed(stage: &Stage, args: &[&str]) -> anyhow::Result<String> {
    let home = stage.world.agent_home();
    let mut all = vec![
        OsStr::new("--home"),
        home.as_os_str(),
        OsStr::new("history"),
    ];
    all.extend(args.iter().map(OsStr::new));
    run("sightline-agent", &all)
}

fn last_recorded_receipt(stage: &Stage) -> anyhow::Result<Option<Signed<Receipt>>> {
    let file = std::fs::File::open(&stage.world.recordings()?[0])?;
    let mut reader = RecordingReader::open(std::io::BufReader::new(file))?;
    let mut last = None;
    while let Ok(Some(entry)) = reader.next_entry() {
        if let Entry::Receipt(receipt) = entry {
            last = Some(receipt);
        }
    }
    Ok(last)
}

#[test]
fn a_session_stands_in_the_history_with_what_holds_the_relay_to_it() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, _viewer) = stage.session()?;
    let running = only(&stage)?;
    assert_eq!((running.number, running.state), (1, State::Running));
    assert!(listed(&stage, &[])?.contains("running"));
    stage.type_through("hello")?;
    agent.terminal.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?.0, 0);

    let kept = only(&stage)?;
    assert_eq!(kept.state, State::Ended);
    assert_eq!(kept.technician.name, TECHNICIAN);
    assert_eq!(
        kept.end.as_ref().unwrap().how,
        "the user stopped the session"
    );
    let receipts = kept.receipts()?;
    let last = receipts[1].verify(&receipts[1].key)?;
    assert_eq!(last.manifest, kept.manifest()?);
    assert_eq!(last_recorded_receipt(&stage)?, Some(receipts[1].clone()));
    let checkpoints = kept.checkpoints()?;
    assert_eq!(checkpoints[0].key, kept.agent()?);
    for signed in &checkpoints {
        assert!(
            signed.verify(&signed.key)?.close.is_some(),
            "both signed off"
        );
    }
    assert_eq!(checkpoints.len(), 2);
    let table = listed(&stage, &[])?;
    eprintln!("{table}\n{}", listed(&stage, &["show", "1"])?);
    assert!(table.contains("the user stopped the session") && table.contains(TECHNICIAN));
    assert!(listed(&stage, &["--json"])?.contains("\"number\":1"));
    Ok(())
}

#[test]
fn a_killed_agent_leaves_a_truthful_file() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (agent, _viewer) = stage.session()?;
    stage.type_through("hello")?;
    std::thread::sleep(std::time::Duration::from_secs(6));
    agent.terminal.signal(rustix::process::Signal::KILL)?;
    stage
        .user
        .until(SOON, "the killed agent in the history", |_| {
            Ok(listed(&stage, &[])?.contains("the agent was killed"))
        })?;
    let kept = only(&stage)?;
    assert_eq!(kept.state, State::Running, "nobody wrote since");
    assert!(!kept.checkpoints()?.is_empty());
    Ok(())
}
