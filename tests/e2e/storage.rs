//! A full, a broken and a read-only disk at the relay: the session ends and says why, before anything goes unrecorded.

use std::path::Path;

use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_protocol::recording::{Entry, RecordingReader};
use sightline_tests::disk::{Disk, Syncs};
use sightline_tests::hostile::Hostile;
use sightline_tests::stage::Stage;
use sightline_tests::world::{SOON, Setting, viewer_ends};

const REASON: &str = "the relay has no room left for recordings";

fn stage_on(disk: &Disk) -> anyhow::Result<Stage> {
    let recordings = format!("\"{}\"", disk.path().join("recordings").display());
    Stage::with(Setting {
        relay_config: vec![
            ("recordings".into(), recordings),
            ("min_free_bytes".into(), (1 << 20).to_string()),
        ],
        ..Setting::default()
    })
}

#[test]
fn a_full_disk_ends_the_session_and_refuses_the_next() -> anyhow::Result<()> {
    let Some(disk) = Disk::mount(64)? else {
        return Ok(());
    };
    let mut stage = stage_on(&disk)?;
    let (mut agent, mut viewer) = stage.session()?;
    disk.fill()?;
    stage.type_line("one more")?;
    assert_eq!(agent.ends(SOON)?, (40, REASON.into()));
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (40, REASON.into()));

    // A code that was given while there was room is of no use now; and none is given any more.
    std::fs::remove_file(disk.ballast())?;
    let agent = stage.world.share(&stage.user, &[])?;
    disk.fill()?;
    let mut viewer = stage.world.connect(&stage.technician, &agent.code, &[])?;
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (40, REASON.into()));
    assert!(stage.world.share(&stage.user, &[]).is_err());
    Ok(())
}

#[test]
fn nothing_is_forwarded_that_a_full_disk_did_not_take() -> anyhow::Result<()> {
    let Some(disk) = Disk::mount(64)? else {
        return Ok(());
    };
    let mut stage = stage_on(&disk)?;
    let mut agent = stage.world.share(&stage.user, &[])?;
    let genuine = sightline::io::technician::read(&stage.world.technician_file())?;
    let claimed = Hostile::claim(genuine, &agent.code)?;
    let mut technician = claimed.map_err(anyhow::Error::from)?;
    let view = Capabilities::of(&[Capability::View]);
    let asked = technician.until_asked(&agent.code, view)?;
    asked.map_err(anyhow::Error::from)?;
    agent.answer("y")?;
    technician.until_begun()?.map_err(anyhow::Error::from)?;
    disk.fill()?;
    let (code, heard) = technician.listen_to_the_end(SOON)?;
    assert_eq!(code, CloseCode::StorageFull);
    assert_eq!(agent.ends(SOON)?, (40, REASON.into()));
    assert!(!heard.is_empty());
    std::fs::remove_file(disk.ballast())?;

    let recorded = records(&disk.path().join("recordings"))?;
    for record in &heard {
        assert!(
            recorded.iter().any(|r| r[..] == record[..]),
            "a record went unrecorded"
        );
    }
    Ok(())
}

const BROKEN: &str = "the relay cannot store recordings";

#[test]
fn a_broken_disk_ends_the_session() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut viewer) = stage.session()?;
    let Some(_broken) = Syncs::failing(stage.world.relay.process.pid())? else {
        return Ok(());
    };
    stage.type_line("one more")?;
    assert_eq!(agent.ends(SOON)?, (41, BROKEN.into()));
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (41, BROKEN.into()));
    Ok(())
}

#[test]
fn on_a_read_only_disk_no_session_begins() -> anyhow::Result<()> {
    let Some(disk) = Disk::mount(64)? else {
        return Ok(());
    };
    let mut stage = stage_on(&disk)?;
    disk.make_read_only()?;
    let mut agent = stage.world.share(&stage.user, &[])?;
    let mut viewer = stage.world.connect(&stage.technician, &agent.code, &[])?;
    agent.answer("y")?;
    assert_eq!(agent.ends(SOON)?, (41, BROKEN.into()));
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (41, BROKEN.into()));
    assert!(!agent.terminal.events.has("granted"), "nothing was shown");
    Ok(())
}

/// The records of the one recording below a folder.
fn records(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut path = folder.to_owned();
    while path.is_dir() {
        let mut entries = std::fs::read_dir(&path)?;
        path = entries
            .next()
            .ok_or(anyhow::anyhow!("no recording"))??
            .path();
    }
    let mut reader = RecordingReader::open(std::io::BufReader::new(std::fs::File::open(path)?))?;
    let mut records = Vec::new();
    while let Ok(Some(entry)) = reader.next_entry() {
        if let Entry::Record(record) = entry {
            records.push(record);
        }
    }
    Ok(records)
}
