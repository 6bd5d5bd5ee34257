//! `sightline verify` on real recordings, and on what a relay's operator could do to them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sightline_oracles::evidence::{Mutation, entries};
use sightline_protocol::recording::Kind;
use sightline_tests::display::Display;
use sightline_tests::program::{built, run};
use sightline_tests::stage::Stage;
use sightline_tests::workload::Kind::Scrolling;
use sightline_tests::workload::{Beside, Options, Workload};
use sightline_tests::world::{SOON, World};

/// What `verify` said, and its exit code.
struct Said {
    exit: i32,
    events: Vec<Value>,
}

impl Said {
    fn verdict(&self) -> &str {
        let verified = self.events.iter().find(|e| e["event"] == "verified");
        verified
            .and_then(|e| e["verdict"].as_str())
            .unwrap_or("nothing")
    }

    fn troubles(&self) -> Vec<&str> {
        let troubles = self.events.iter().filter(|e| e["event"] == "trouble");
        troubles.filter_map(|e| e["fault"].as_str()).collect()
    }
}

fn verify(world: &World, args: &[&dyn AsRef<Path>]) -> anyhow::Result<Said> {
    let mut all: Vec<OsString> = vec!["verify".into(), "--json".into(), "--key".into()];
    all.push(world.folder().join("org/org.bundle").into());
    all.extend(args.iter().map(|arg| arg.as_ref().as_os_str().to_owned()));
    let output = Command::new(built("sightline")?)
        .args(&all)
        .env("XDG_CONFIG_HOME", world.folder().join("auditor"))
        .env_remove("SIGHTLINE_KEY")
        .stdin(Stdio::null())
        .output()?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(Said {
        exit: output.status.code().unwrap_or(-1),
        events: text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?,
    })
}

fn recordings(world: &World) -> PathBuf {
    world.folder().join("relay/recordings")
}

/// One more session of the stage's people, ended by the user.
fn one_session(stage: &mut Stage) -> anyhow::Result<PathBuf> {
    let (mut agent, _viewer) = stage.session()?;
    stage.type_through("for the record")?;
    agent.terminal.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?.0, 0);
    stage.world.relay.events.wait("over", SOON)?;
    Ok(stage.world.recordings()?.pop().expect("a recording"))
}

#[test]
fn who_ends_a_session_while_the_screen_moves_has_signed_for_its_last_picture() -> anyhow::Result<()>
{
    const SESSIONS: usize = 4;
    let mut world = World::start()?;
    let user = Display::start(1024, 700)?;
    let technician = Display::start(1200, 800)?;
    let options = Options {
        rate: Some(60.0),
        ..Options::default()
    };
    let moving = Workload::open(user.name(), Scrolling, options)?;
    let moving = Beside::start(moving);
    for n in 0..SESSIONS {
        let (mut agent, mut viewer) = world.session(&user, &technician)?;
        // At another moment of a picture each time.
        std::thread::sleep(Duration::from_millis(500 + 7 * n as u64));
        agent.terminal.type_line("/stop")?;
        agent.ends(SOON)?;
        viewer.exit_code(SOON)?;
        world.relay.events.wait("over", SOON)?;
    }
    moving.end();
    let said = verify(&world, &[&recordings(&world)])?;
    let whole = said.events.iter().filter(|e| e["verdict"] == "whole");
    assert_eq!(
        (said.exit, whole.count()),
        (0, SESSIONS),
        "{:?}",
        said.events
    );
    Ok(())
}

#[test]
fn a_real_session_is_whole_and_every_change_of_it_has_its_name() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let file = one_session(&mut stage)?;
    let world = &stage.world;
    let said = verify(world, &[&recordings(world)])?;
    assert_eq!(
        (said.exit, said.verdict()),
        (0, "whole"),
        "{:?}",
        said.events
    );
    assert_eq!(said.troubles(), Vec::<&str>::new());

    let key = world.auditor_file();
    let words = run(
        "sightline",
        &[
            "verify".as_ref(),
            file.as_os_str(),
            "--key".as_ref(),
            key.as_os_str(),
            "--forget".as_ref(),
        ],
    )?;
    eprintln!("{words}");
    assert!(words.contains("WHOLE"), "{words}");

    let original = std::fs::read(&file)?;
    let (_, raw) = entries(&original);
    let record = raw
        .iter()
        .position(|raw| raw.kind == Kind::Record as u8)
        .expect("records");
    let bits = raw[record].body.len() * 8;
    let changed = world.folder().join("changed.slrec");
    for (mutation, exit) in [
        (
            Mutation::Flip {
                entry: record,
                bit: bits - 400,
            },
            22,
        ),
        (Mutation::Flip { entry: 0, bit: 400 }, 26),
        (Mutation::Drop { entry: record }, 23),
        (Mutation::Double { entry: record }, 24),
        (Mutation::Scratch { bit: 8 * 5_000 }, 21),
        (
            Mutation::CutBefore {
                entry: raw.len() - 4,
            },
            20,
        ),
    ] {
        std::fs::write(&changed, mutation.apply(&original, &original))?;
        let said = verify(world, &[&changed])?;
        assert_eq!(said.exit, exit, "{mutation:?}: {:?}", said.events);
    }
    std::fs::write(&changed, "my holiday pictures")?;
    assert_eq!(verify(world, &[&changed])?.exit, 75);
    Ok(())
}

#[test]
fn a_session_that_disappears_is_missed() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let first = one_session(&mut stage)?;
    let history = stage.world.agent_home().join("history");
    one_session(&mut stage)?;
    let ledger = stage.world.folder().join("relay/data/ledger");
    let (kept, old) = (
        stage.world.folder().join("kept.slrec"),
        stage.world.folder().join("old-ledger"),
    );
    let world = &stage.world;
    let said = verify(world, &[&recordings(world), &"--history", &history])?;
    assert_eq!(
        (said.exit, said.troubles()),
        (0, Vec::new()),
        "{:?}",
        said.events
    );

    // The file is gone; then so is its ledger, put back to before it.
    std::fs::rename(&first, &kept)?;
    let said = verify(world, &[&recordings(world)])?;
    assert_eq!((said.exit, said.troubles()), (71, vec!["session-missing"]));
    std::fs::rename(&kept, &first)?;

    // A deletion in the open is none.
    let id = first.file_stem().expect("a name").to_owned();
    let config = world.folder().join("relay/relay.toml");
    let rm: [OsString; 7] = [
        "recordings".into(),
        "rm".into(),
        id,
        "--why".into(),
        "asked for".into(),
        "--config".into(),
        config.into(),
    ];
    std::fs::create_dir(&old)?;
    copy(&ledger, &old.join("ledger"))?;
    run(
        "sightline-relay",
        &rm.iter().map(OsString::as_os_str).collect::<Vec<_>>(),
    )?;
    let said = verify(world, &[&recordings(world), &"--history", &history])?;
    assert_eq!(
        (said.exit, said.troubles()),
        (0, Vec::new()),
        "{:?}",
        said.events
    );

    // The ledger from before the deletion hides it: not from who has seen the newer one.
    let said = verify(
        world,
        &[&recordings(world), &"--ledger", &old.join("ledger")],
    )?;
    assert!(
        said.troubles().contains(&"two-ledgers"),
        "{:?}",
        said.events
    );
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), &place)?;
        }
    }
    Ok(())
}
