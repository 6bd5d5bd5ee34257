//! Files to and from the user's computer, by the commands that technicians use.

mod changing;
mod full;
mod many;
mod odd;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sightline_program::history::History;
use sightline_protocol::id::Digest;
use sightline_tests::display::Display;
use sightline_tests::program::{Program, built};
use sightline_tests::world::{Agent, SOON, Setting, World, text};

/// A world with a session in which files are allowed.
struct Scene {
    // Order matters: programs end before their display.
    holder: Program,
    agent: Agent,
    world: World,
    user: Display,
}

fn world() -> anyhow::Result<(World, Display)> {
    Ok((
        World::with(Setting::everything())?,
        Display::start(640, 480)?,
    ))
}

fn session(mut world: World, user: Display) -> anyhow::Result<Scene> {
    let (agent, holder) = world.held(&user, &["--ask", "view,files"])?;
    Ok(Scene {
        holder,
        agent,
        world,
        user,
    })
}

impl Scene {
    fn at(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.world.folder().join(name);
        fs::create_dir_all(&path)?;
        Ok(path.canonicalize()?)
    }

    fn send(&mut self, path: &Path, to: &Path, more: &[&str]) -> anyhow::Result<Program> {
        let (path, to) = (path.display().to_string(), to.display().to_string());
        self.world
            .command(&[&["send", &path, "--to", &to], more].concat())
    }

    fn fetch(&mut self, path: &Path, to: &Path) -> anyhow::Result<Program> {
        let (path, to) = (path.display().to_string(), to.display().to_string());
        self.world.command(&["fetch", &path, "--to", &to])
    }
}

/// What is below a folder, by path; folders have neither hash nor rights.
type Tree = BTreeMap<Vec<u8>, Option<(Digest, bool)>>;

/// Everything below a folder: names, hashes, who may run it.
fn tree(folder: &Path) -> anyhow::Result<Tree> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            let name = path.strip_prefix(folder)?.as_os_str().as_bytes().to_vec();
            if path.is_dir() {
                found.insert(name, None);
                folders.push(path);
            } else {
                let runs = path.metadata()?.permissions().mode() & 0o111 != 0;
                found.insert(name, Some((Digest::of(&[&fs::read(&path)?]), runs)));
            }
        }
    }
    Ok(found)
}

/// Odd names, empty ones, many, one that is resumable.
fn fill(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder.join("deep/deeper/deepest"))?;
    fs::create_dir(folder.join("empty folder"))?;
    let name = |bytes: &[u8]| folder.join(OsStr::from_bytes(bytes));
    fs::write(name(b"not \xff\xfe utf-8"), "x")?;
    fs::write(name(&[b'n'; 255]), "long")?;
    fs::write(name(b" spaces \t and\nlines "), "")?;
    fs::write(name("Übergrößenträger 中文".as_bytes()), "names")?;
    fs::write(folder.join("deep/deeper/deepest/run"), "#!/bin/sh\n")?;
    fs::set_permissions(
        folder.join("deep/deeper/deepest/run"),
        PermissionsExt::from_mode(0o755),
    )?;
    for n in 0..200_u32 {
        fs::write(
            folder.join(format!("deep/{n}")),
            n.to_string().repeat(n as usize),
        )?;
    }
    fs::write(folder.join("large"), large(9 << 20))?;
    Ok(())
}

/// Bytes that no two places share.
fn large(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let word = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 32).to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(word).collect();
    bytes.truncate(length);
    bytes
}

/// The next command's transfers are not asked about any more.
fn agree(scene: &mut Scene) -> anyhow::Result<()> {
    let folder = scene.at("agreed")?;
    let file = folder.join("first");
    fs::write(&file, "first")?;
    let mut send = scene.send(&file, &folder, &["--on-collision", "skip"])?;
    scene.agent.answer_files("all")?;
    assert_eq!(send.exit_code(SOON)?, 0);
    Ok(())
}

/// What a command left out: paths and reasons, by path.
fn left_out(command: &mut Program) -> anyhow::Result<BTreeMap<String, String>> {
    command.events.wait("copied", SOON)?;
    let parsed = |line: &String| serde_json::from_str::<serde_json::Value>(line).ok();
    let events = command.events.heard().iter().filter_map(parsed);
    let not_copied = events.filter(|event| event["event"] == "not_copied");
    not_copied
        .map(|event| Ok((text(&event, "path")?, text(&event, "why")?)))
        .collect()
}

/// What a command said went wrong.
fn failure(command: &mut Program) -> anyhow::Result<String> {
    let failed = command.events.wait("failed", SOON)?;
    assert_eq!(command.exit_code(SOON)?, 1);
    text(&failed, "message")
}

#[test]
fn folders_go_over_and_come_back_and_the_recording_and_the_history_say_so() -> anyhow::Result<()> {
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    let (from, back) = (scene.at("from")?, scene.at("back")?);
    let folder = from.join("Sent folder");
    fill(&folder)?;
    let to = PathBuf::from(scene.world.user_home()?).join("Downloads");
    let path = folder.display().to_string();
    let mut send = scene.world.command(&["send", &path])?;
    let asked = scene.agent.answer_files("y")?;
    assert_eq!(asked["lines"][0], "Sent folder");
    assert_eq!(asked["lines"][2], format!("Into: {}", to.display()));
    let copied = send.events.wait("copied", SOON)?;
    assert_eq!(
        (&copied["files"], &copied["not_copied"]),
        (&206.into(), &0.into())
    );
    assert_eq!(send.exit_code(SOON)?, 0);
    assert_eq!(tree(&to)?, tree(&from)?);

    let mut list = scene.world.command(&["list", "Downloads"])?;
    assert_eq!(list.events.wait("entry", SOON)?["name"], "Sent folder");
    assert_eq!(list.exit_code(SOON)?, 0);

    // What comes back is what went; the user does not want to be asked again.
    let mut fetch = scene.fetch(Path::new("Downloads/Sent folder"), &back)?;
    scene.agent.answer_files("all")?;
    assert_eq!(fetch.events.wait("copied", SOON)?["files"], 206);
    assert_eq!(tree(&back)?, tree(&from)?);
    let mut again = scene.fetch(Path::new("~/Downloads/Sent folder/large"), &back)?;
    let large = again.events.wait("file", SOON)?;
    assert_eq!(
        large["sha256"],
        Digest::of(&[&fs::read(folder.join("large"))?]).to_string()
    );
    assert_eq!(again.exit_code(SOON)?, 0);
    let mut none = scene.fetch(Path::new("no such file"), &back)?;
    assert!(failure(&mut none)?.contains("there is no such file"));

    scene.holder.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(scene.agent.ends(SOON)?.0, 0);
    scene.world.relay.events.wait("over", SOON)?;
    told(&scene, &large["sha256"])
}

/// The user's history and the auditor's export and search say what was copied.
fn told(scene: &Scene, sha256: &serde_json::Value) -> anyhow::Result<()> {
    let histories = scene.world.agent_home().join("history");
    let path = fs::read_dir(histories)?
        .next()
        .expect("one session")?
        .path();
    let history = History::parse(&fs::read_to_string(path)?)?;
    assert_eq!(history.files.len(), 206 + 206 + 1);
    let last = history.files.last().expect("it is not empty");
    assert_eq!(
        (last.name.as_str(), last.direction.as_str()),
        ("large", "to the technician")
    );
    assert_eq!(*sha256, last.sha256);

    let exported = scene.world.audit("export", &["--jsonl", "-"])?;
    let count = |action: &str| {
        let action = format!("\"event.action\":\"{action}\"");
        exported
            .lines()
            .filter(|line| line.contains(&action))
            .count()
    };
    let counts = [
        "file-asked",
        "file-allowed",
        "file-refused",
        "file",
        "files-listed",
    ]
    .map(count);
    assert_eq!(counts, [4, 3, 1, 413, 1]);
    let found = scene.world.audit("search", &["Übergrößenträger"])?;
    assert!(found.contains("Übergrößenträger 中文"));
    Ok(())
}

#[test]
fn the_user_refuses_and_nothing_is_written_or_read() -> anyhow::Result<()> {
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    let (from, to) = (scene.at("from")?, scene.at("to")?);
    fs::write(from.join("f"), "1")?;
    let mut send = scene.send(&from.join("f"), &to, &[])?;
    scene.agent.answer_files("n")?;
    assert!(failure(&mut send)?.contains("the user did not allow it"));
    let mut fetch = scene.fetch(&from.join("f"), &to)?;
    scene.agent.answer_files("")?;
    assert!(failure(&mut fetch)?.contains("the user did not allow it"));
    // The technician gives up while the user still thinks: the question goes.
    let mut given_up = scene.send(&from.join("f"), &to, &[])?;
    scene.agent.terminal.events.wait("files_asked", SOON)?;
    given_up.process.signal(rustix::process::Signal::INT)?;
    assert!(failure(&mut given_up)?.contains("the technician stopped it"));
    scene
        .agent
        .terminal
        .wait_shown("answered elsewhere", SOON)?;
    assert!(tree(&to)?.is_empty());
    // A wish that cannot be is not put before the user.
    let mut nowhere = scene.send(&from.join("f"), &to.join("no/such"), &[])?;
    assert!(failure(&mut nowhere)?.contains("there is no folder"));
    Ok(())
}

#[test]
fn what_is_there_is_treated_as_the_technician_says() -> anyhow::Result<()> {
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    let (from, to) = (scene.at("from")?, scene.at("to")?);
    fs::write(from.join("report.pdf"), "new")?;
    fs::write(to.join("report.pdf"), "old")?;
    let report = from.join("report.pdf");
    let mut skip = scene.send(&report, &to, &["--on-collision", "skip"])?;
    scene.agent.answer_files("y")?;
    assert_eq!(skip.events.wait("skipped", SOON)?["path"], "report.pdf");
    assert_eq!(skip.exit_code(SOON)?, 0);
    let mut keep = scene.send(&report, &to, &[])?;
    scene.agent.answer_files("y")?;
    assert_eq!(keep.events.wait("file", SOON)?["name"], "report (2).pdf");
    assert_eq!(fs::read_to_string(to.join("report.pdf"))?, "old");
    let mut replace = scene.send(&report, &to, &["--on-collision", "replace"])?;
    let asked = scene.agent.answer_files("all")?;
    assert_eq!(
        asked["lines"][3],
        "Files of the same name there are replaced."
    );
    replace.events.wait("copied", SOON)?;
    assert_eq!(fs::read_to_string(to.join("report.pdf"))?, "new");
    // At a terminal the technician is asked.
    let (path, folder) = (report.display().to_string(), to.display().to_string());
    let mut asked = scene.world.glass(&["send", &path, "--to", &folder])?;
    asked.wait("There already: report.pdf", SOON)?;
    asked.keys("k\r")?;
    asked.wait("1 file, 3 bytes copied.", SOON)?;
    assert_eq!(asked.exit_code(SOON)?, 0);
    assert!(to.join("report (3).pdf").exists());
    Ok(())
}

/// So large that it can be interrupted, so small that it fits every test machine.
const INTERRUPTED: usize = 160 << 20;

fn wait_for_part(part: &Path, bytes: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + SOON;
    while part.metadata().map_or(0, |facts| facts.len()) < bytes {
        anyhow::ensure!(
            Instant::now() < deadline,
            "{} does not grow",
            part.display()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

#[test]
fn files_taken_back_end_a_transfer_at_once_and_the_session_goes_on() -> anyhow::Result<()> {
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    let (from, to) = (scene.at("from")?, scene.at("to")?);
    let file = from.join("large");
    fs::write(&file, large(INTERRUPTED))?;
    let mut send = scene.send(&file, &to, &[])?;
    scene.agent.answer_files("y")?;
    let part = to.join(".large.sightline-part");
    wait_for_part(&part, 8 << 20)?;
    scene.agent.terminal.type_line("/take files")?;
    assert!(failure(&mut send)?.contains("took"));
    let length = part.metadata()?.len();
    assert!(length < INTERRUPTED as u64, "it was too fast to be stopped");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        part.metadata()?.len(),
        length,
        "nothing is written any more"
    );
    assert!(!to.join("large").exists());
    let mut refused = scene.fetch(&file, &to)?;
    assert!(failure(&mut refused)?.contains("has not allowed files"));
    let mut info = scene.world.command(&["info"])?;
    info.events.wait("facts", SOON)?;
    // The recording stays provable: nothing of files lies outside the grant.
    scene.holder.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(scene.agent.ends(SOON)?.0, 0);
    scene.world.relay.events.wait("over", SOON)?;
    let recording = scene.world.recordings()?[0].display().to_string();
    let bundle = scene
        .world
        .folder()
        .join("org/org.bundle")
        .display()
        .to_string();
    let verified = std::process::Command::new(built("sightline")?)
        .args(["verify", "--key", &bundle, &recording])
        .env("XDG_CONFIG_HOME", scene.world.folder().join("auditor"))
        .output()?;
    assert!(verified.status.success(), "{verified:?}");
    Ok(())
}

#[test]
fn what_the_user_stops_is_not_there_and_goes_on_in_another_session() -> anyhow::Result<()> {
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    let (from, to) = (scene.at("from")?, scene.at("to")?);
    let file = from.join("large");
    fs::write(&file, large(INTERRUPTED))?;
    let mut send = scene.send(&file, &to, &[])?;
    scene.agent.answer_files("y")?;
    let part = to.join(".large.sightline-part");
    wait_for_part(&part, 8 << 20)?;
    scene.agent.terminal.signal(rustix::process::Signal::INT)?;
    failure(&mut send)?;
    assert_eq!(scene.agent.ends(SOON)?.1, "the user stopped the session");
    let length = part.metadata()?.len();
    assert!(length < INTERRUPTED as u64, "it was too fast to be stopped");
    assert!(!to.join("large").exists());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        part.metadata()?.len(),
        length,
        "nothing is written after the end"
    );
    scene.holder.exit_code(SOON)?;

    let Scene { world, user, .. } = scene;
    let mut scene = session(world, user)?;
    let mut again = scene.send(&file, &to, &[])?;
    scene.agent.answer_files("y")?;
    let first = loop {
        let progress = again.events.wait("progress", SOON)?;
        if progress["bytes"] != 0 {
            break progress["bytes"].as_u64();
        }
    };
    assert!(first >= Some(length), "{first:?} after {length} bytes");
    again.events.wait("copied", SOON)?;
    assert_eq!(tree(&to)?, tree(&from)?);
    drop(scene.user);
    Ok(())
}
