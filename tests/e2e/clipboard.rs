//! Clipboards between the shipped programs, with real selections on real X servers.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use sightline_ends::content::{ClipboardMessage, ClipboardPart, Form, Whose};
use sightline_ends::session::TechnicianSays;
use sightline_program::history::History;
use sightline_protocol::capability::Capability;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::Digest;
use sightline_tests::display::Display;
use sightline_tests::hostile::Hostile;
use sightline_tests::memory::{find_in_files, find_in_process};
use sightline_tests::program::{Program, built, run};
use sightline_tests::selection::{Owner, paste, paste_within, targets, xclip};
use sightline_tests::stage::focus;
use sightline_tests::world::{Agent, SOON, Setting, World, text};

const BOTH: &str = "view,clipboard";

/// A session held without a window.
struct Scene {
    // Order matters: programs end before their display.
    holder: Program,
    agent: Agent,
    world: World,
    user: Display,
}

fn world() -> anyhow::Result<(World, Display)> {
    Ok((World::with(Setting::default())?, Display::start(640, 480)?))
}

fn session(mut world: World, user: Display, ask: &str) -> anyhow::Result<Scene> {
    let (agent, holder) = world.held(&user, &["--ask", ask])?;
    Ok(Scene {
        holder,
        agent,
        world,
        user,
    })
}

impl Scene {
    fn new(ask: &str) -> anyhow::Result<Scene> {
        let (world, user) = world()?;
        session(world, user, ask)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.world.folder().join(name)
    }

    /// What `clipboard get` writes into a file.
    fn get(&mut self, form: &str) -> anyhow::Result<Vec<u8>> {
        let out = self.file(&format!("got-{}", unique()));
        let path = out.display().to_string();
        let args = ["clipboard", "get", "--form", form, "--out", &path];
        let mut get = self.world.command(&args)?;
        get.events.wait("clipboard", SOON)?;
        assert_eq!(get.exit_code(SOON)?, 0);
        Ok(fs::read(out)?)
    }

    fn get_fails(&mut self) -> anyhow::Result<String> {
        let mut get = self.world.command(&["clipboard", "get"])?;
        let failed = get.events.wait("failed", SOON)?;
        assert_eq!(get.exit_code(SOON)?, 1);
        text(&failed, "message")
    }

    fn put(&mut self, form: &str, content: &[u8]) -> anyhow::Result<Program> {
        let file = self.file(&format!("put-{}", unique()));
        fs::write(&file, content)?;
        let path = file.display().to_string();
        self.world
            .command(&["clipboard", "put", &path, "--form", form])
    }

    /// Puts it, and waits until the user can paste it.
    fn put_there(&mut self, form: &str, target: &str, content: &[u8]) -> anyhow::Result<()> {
        let mut put = self.put(form, content)?;
        put.events.wait("put", SOON)?;
        assert_eq!(put.exit_code(SOON)?, 0);
        let ready = |display: &Display| Ok(targets(display)?.iter().any(|t| t == target));
        self.user.until(SOON, "the offer", ready)
    }

    /// Waits until the holder has heard that the user copied something in these forms.
    fn until_offered(&mut self, forms: &str) -> anyhow::Result<()> {
        loop {
            let offered = self.holder.events.wait("clipboard_offered", SOON)?;
            let list = offered["forms"].as_array().context("forms")?;
            let words: Vec<&str> = list.iter().filter_map(|w| w.as_str()).collect();
            if words.join(",") == forms {
                return Ok(());
            }
        }
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.holder.process.signal(rustix::process::Signal::INT)?;
        assert_eq!(self.agent.ends(SOON)?.0, 0);
        self.world.relay.events.wait("over", SOON)?;
        Ok(())
    }

    fn recording(&self) -> anyhow::Result<String> {
        Ok(self.world.recordings()?[0].display().to_string())
    }

    fn verified(&self) -> anyhow::Result<()> {
        let bundle = self.file("org/org.bundle").display().to_string();
        let verified = Command::new(built("sightline")?)
            .args(["verify", "--key", &bundle, &self.recording()?])
            .env("XDG_CONFIG_HOME", self.file("auditor"))
            .output()?;
        assert!(verified.status.success(), "{verified:?}");
        Ok(())
    }

    fn exported(&self) -> anyhow::Result<String> {
        self.world.audit("export", &["--jsonl", "-"])
    }
}

fn unique() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Text that no two places share.
fn large(length: usize) -> Vec<u8> {
    let mut text = String::new();
    let mut n = 0_u64;
    while text.len() < length {
        text += &format!("{:016x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        n += 1;
    }
    text.truncate(length);
    text.into_bytes()
}

fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("in memory");
    writer
        .write_image_data(&[0, 90, 180, 255])
        .expect("in memory");
    drop(writer);
    bytes
}

const WORDS: &str = "Grüße, 中文 und 😀\nzwei Zeilen";

#[test]
fn what_the_user_copies_is_read_on_demand_in_each_form() -> anyhow::Result<()> {
    let (world, user) = world()?;
    // Copied before the session: it is there, too.
    xclip(&user, "UTF8_STRING", WORDS.as_bytes())?;
    let mut scene = session(world, user, BOTH)?;
    assert_eq!(scene.get("text")?, WORDS.as_bytes());
    let read = scene.agent.terminal.events.wait("clipboard_read", SOON)?;
    assert_eq!(read["bytes"], WORDS.len());

    scene.holder.events.wait("clipboard_offered", SOON)?;
    let html = "<b>Grüße</b>".as_bytes();
    let page = [("text/html", html), ("UTF8_STRING", "Grüße".as_bytes())];
    let _owner = Owner::start(&scene.user, &page)?;
    scene.until_offered("text,html")?;
    assert_eq!(scene.get("html")?, html);
    assert_eq!(scene.get("text")?, "Grüße".as_bytes());

    xclip(&scene.user, "image/png", &png())?;
    scene.until_offered("png")?;
    assert_eq!(scene.get("png")?, png());

    // So large that the program there hands it over in pieces (INCR).
    let ten = large(10 << 20);
    xclip(&scene.user, "UTF8_STRING", &ten)?;
    scene.until_offered("text")?;
    assert!(scene.get("text")? == ten);
    scene.end()?;
    scene.verified()?;

    let exported = scene.exported()?;
    let notes = exported.matches("\"event.action\":\"clipboard\"").count();
    assert_eq!(notes, 5);
    let hash = Digest::of(&[&ten]).to_string();
    assert!(exported.contains(&hash), "size and hash are recorded");
    assert!(!exported.contains("zwei Zeilen"), "and nothing else");
    let history = fs::read_dir(scene.world.agent_home().join("history"))?;
    let path = history.flatten().next().context("one session")?.path();
    let history = History::parse(&fs::read_to_string(path)?)?;
    let last = history.clipboard.last().context("it lists them")?;
    assert_eq!((last.bytes, &last.sha256), (10 << 20, &hash));
    assert_eq!(last.direction, "to the technician");
    Ok(())
}

#[test]
fn what_the_technician_puts_there_is_pasted_by_real_programs() -> anyhow::Result<()> {
    let mut scene = Scene::new(BOTH)?;
    scene.put_there("text", "UTF8_STRING", WORDS.as_bytes())?;
    assert_eq!(paste(&scene.user, "UTF8_STRING")?, WORDS.as_bytes());
    let set = scene.agent.terminal.events.wait("clipboard_set", SOON)?;
    assert_eq!(set["form"], "text");
    assert_eq!(
        paste(&scene.user, "STRING")?,
        b"Gr\xfc\xdfe, ?? und ?\nzwei Zeilen",
        "programs that know Latin-1 only"
    );
    scene.put_there("html", "text/html", b"<i>x</i>")?;
    assert_eq!(paste(&scene.user, "text/html")?, b"<i>x</i>");
    scene.put_there("png", "image/png", &png())?;
    assert_eq!(paste(&scene.user, "image/png")?, png());
    // Our own offer does not come back as the user's.
    assert!(
        scene
            .get_fails()?
            .contains("nothing on the user's clipboard")
    );

    let ten = large(10 << 20);
    scene.put_there("text", "UTF8_STRING", &ten)?;
    assert!(paste(&scene.user, "UTF8_STRING")? == ten);
    // What is not of its form is not even offered.
    let mut put = scene.put("png", b"no picture")?;
    let failed = put.events.wait("failed", SOON)?;
    assert_eq!(failed["message"], "this is not png");
    scene.end()?;
    scene.verified()?;
    // With the session what it put there is gone.
    assert!(targets(&scene.user)?.is_empty());
    Ok(())
}

#[test]
fn a_secret_is_never_offered() -> anyhow::Result<()> {
    let mut scene = Scene::new(BOTH)?;
    xclip(&scene.user, "UTF8_STRING", b"harmless")?;
    scene.until_offered("text")?;
    let secret = [
        ("UTF8_STRING", &b"correct horse"[..]),
        ("x-kde-passwordManagerHint", b"secret"),
    ];
    let _owner = Owner::start(&scene.user, &secret)?;
    scene.until_offered("")?;
    assert!(
        scene
            .get_fails()?
            .contains("nothing on the user's clipboard")
    );
    Ok(())
}

#[test]
fn a_direction_that_was_not_allowed_is_closed() -> anyhow::Result<()> {
    let mut reads = Scene::new("view,read-clipboard")?;
    xclip(&reads.user, "UTF8_STRING", b"mine")?;
    reads.until_offered("text")?;
    let mut put = reads.put("text", b"yours")?;
    let failed = put.events.wait("failed", SOON)?;
    assert!(text(&failed, "message")?.contains("not allowed you to set"));
    assert_eq!(paste(&reads.user, "UTF8_STRING")?, b"mine");
    drop(reads);

    let mut sets = Scene::new("view,set-clipboard")?;
    xclip(&sets.user, "UTF8_STRING", b"mine")?;
    assert!(sets.get_fails()?.contains("not allowed you to read"));
    sets.put_there("text", "STRING", b"yours")?;
    assert_eq!(paste(&sets.user, "UTF8_STRING")?, b"yours");
    drop(sets);

    let mut neither = Scene::new("view")?;
    xclip(&neither.user, "UTF8_STRING", b"mine")?;
    assert!(neither.get_fails()?.contains("not allowed you to read"));
    Ok(())
}

#[test]
fn each_direction_is_taken_back_by_itself_in_the_middle() -> anyhow::Result<()> {
    let mut scene = Scene::new(BOTH)?;
    // To the user: somebody pastes, and it is taken back while it comes.
    let much = large(60 << 20);
    scene.put_there("text", "UTF8_STRING", &much)?;
    let pasting = std::thread::spawn({
        let display = scene.user.name().to_owned();
        move || paste_within(&display, "UTF8_STRING", SOON)
    });
    std::thread::sleep(Duration::from_millis(300));
    scene.agent.terminal.type_line("/take set-clipboard")?;
    scene.agent.terminal.events.wait("allowed", SOON)?;
    let pasted = pasting.join().expect("it does not panic")?;
    assert!(pasted.len() < much.len(), "it was too fast to be stopped");
    assert!(targets(&scene.user)?.is_empty(), "and it is gone there");

    // The other direction goes on, until it is taken back, too.
    xclip(&scene.user, "UTF8_STRING", &much)?;
    scene.until_offered("text")?;
    let mut get = scene.world.command(&["clipboard", "get"])?;
    std::thread::sleep(Duration::from_millis(300));
    scene.agent.terminal.type_line("/take read-clipboard")?;
    let failed = get.events.wait("failed", SOON)?;
    assert!(text(&failed, "message")?.contains("took the permission back"));
    assert!(scene.get_fails()?.contains("not allowed you to read"));
    scene.end()?;
    // Nothing was sealed outside the grants.
    scene.verified()
}

/// What nobody else would write anywhere.
const CANARY: &str = "quokka9marzipan";

#[test]
fn neither_the_relay_nor_an_auditor_reads_it_unless_policy_says_so() -> anyhow::Result<()> {
    let mut scene = Scene::new(BOTH)?;
    xclip(&scene.user, "UTF8_STRING", CANARY.as_bytes())?;
    scene.until_offered("text")?;
    assert_eq!(scene.get("text")?, CANARY.as_bytes());
    let (folder, canary) = (scene.file("relay"), [CANARY.as_bytes().to_vec()]);
    assert_eq!(find_in_files(&folder, &canary)?, [false]);
    let relay = scene.world.relay.process.pid();
    assert_eq!(find_in_process(relay, &canary)?, [false]);
    scene.end()?;
    let exported = scene.exported()?;
    assert!(!exported.contains(CANARY));
    assert!(exported.contains("records of class clipboard-content that this key does not open"));
    assert!(exported.contains(&Digest::of(&[CANARY.as_bytes()]).to_string()));
    assert_eq!(find_in_files(&folder, &canary)?, [false]);
    Ok(())
}

#[test]
fn in_full_for_an_auditor_whom_the_organisation_names_for_it() -> anyhow::Result<()> {
    let (mut world, user) = world()?;
    let org = world.folder().join("org").display().to_string();
    let classes = "picture,control,clipboard,clipboard-content";
    let add = [
        "org",
        "--dir",
        &org,
        "auditor",
        "add",
        "Carla",
        "--classes",
        classes,
    ];
    run("sightline", &add.map(std::ffi::OsStr::new))?;
    fs::copy(
        world.folder().join("org/org.bundle"),
        world.folder().join("relay/org.bundle"),
    )?;
    world.relay.process.signal(rustix::process::Signal::TERM)?;
    world.relay.exit_code(SOON)?;
    world.restart_relay()?;
    let mut scene = session(world, user, BOTH)?;
    // The user was told.
    assert!(
        scene
            .agent
            .terminal
            .shown()
            .contains("Recorded in full, and readable by an auditor")
    );
    xclip(&scene.user, "UTF8_STRING", CANARY.as_bytes())?;
    scene.until_offered("text")?;
    assert_eq!(scene.get("text")?, CANARY.as_bytes());
    scene.end()?;
    assert!(!scene.exported()?.contains(CANARY), "the others as before");
    let recording = scene.recording()?;
    let carla = scene
        .file("org/auditors/Carla.auditor")
        .display()
        .to_string();
    let args = ["search", "--key", &carla, &recording, CANARY];
    assert!(run("sightline", &args.map(std::ffi::OsStr::new))?.contains(CANARY));
    Ok(())
}

#[test]
fn a_program_that_hangs_or_lies_costs_nobody_else_anything() -> anyhow::Result<()> {
    let mut scene = Scene::new(BOTH)?;
    // Names forms and never gives them.
    let silent = Owner::silent(&scene.user, &["UTF8_STRING"])?;
    scene.until_offered("text")?;
    let begun = Instant::now();
    assert!(scene.get_fails()?.contains("does not answer"));
    assert!(begun.elapsed() < SOON);
    drop(silent);
    // Calls text what is none.
    let _owner = Owner::start(&scene.user, &[("UTF8_STRING", b"\xff\xfe\xfd")])?;
    scene.until_offered("text")?;
    assert!(scene.get_fails()?.contains("not of its form"));
    // And then everything works as before.
    xclip(&scene.user, "UTF8_STRING", b"fine")?;
    scene.until_offered("text")?;
    assert_eq!(scene.get("text")?, b"fine");
    Ok(())
}

/// Waits until a program on this display can paste this.
fn until_pasted(display: &Display, target: &str, content: &[u8]) -> anyhow::Result<()> {
    let there = |display: &Display| Ok(targets(display)?.iter().any(|name| name == target));
    display.until(SOON, "something to paste", there)?;
    display.until(SOON, "the content", |display| {
        Ok(paste(display, target).is_ok_and(|pasted| pasted == content))
    })
}

#[test]
fn copy_and_paste_work_between_two_desktops() -> anyhow::Result<()> {
    let (mut world, user) = world()?;
    let mut desk = Display::start(1024, 768)?;
    let mut agent = world.share(&user, &[])?;
    let code = agent.code.clone();
    let mut viewer = world.connect(&desk, &code, &["--ask", "view,control,clipboard"])?;
    agent.answer("y")?;
    viewer.events.wait("round_trip", SOON)?;
    let window = desk.wait_window("Sightline", SOON)?;
    focus(&desk, window)?;

    // Both ways, short and in pieces.
    xclip(&desk, "UTF8_STRING", WORDS.as_bytes())?;
    until_pasted(&user, "UTF8_STRING", WORDS.as_bytes())?;
    xclip(&user, "image/png", &png())?;
    until_pasted(&desk, "image/png", &png())?;
    let marked = targets(&desk)?;
    assert!(marked.iter().any(|t| t == "x-kde-passwordManagerHint"));
    let ten = large(10 << 20);
    xclip(&desk, "UTF8_STRING", &ten)?;
    until_pasted(&user, "UTF8_STRING", &ten)?;
    xclip(&user, "UTF8_STRING", &ten)?;
    until_pasted(&desk, "UTF8_STRING", &ten)?;

    // A clipboard manager at the user's that takes over what it is given: it does not come back.
    xclip(&desk, "UTF8_STRING", b"managed")?;
    until_pasted(&user, "UTF8_STRING", b"managed")?;
    xclip(&user, "UTF8_STRING", b"managed")?;
    std::thread::sleep(Duration::from_millis(500));
    let names = targets(&desk)?;
    assert!(
        !names.iter().any(|t| t == "x-kde-passwordManagerHint"),
        "the technician's is still the technician's: {names:?}"
    );

    // What is copied while another window has the keyboard is not offered before the technician comes back.
    desk.run("xterm", &["-title", "elsewhere"])?;
    let elsewhere = desk.wait_window("elsewhere", SOON)?;
    focus(&desk, elsewhere)?;
    std::thread::sleep(Duration::from_millis(300));
    xclip(&desk, "UTF8_STRING", b"private")?;
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(paste(&user, "UTF8_STRING")?, b"managed");
    focus(&desk, window)?;
    until_pasted(&user, "UTF8_STRING", b"private")?;
    // Neither stays when the user takes the rights back.
    agent.terminal.type_line("/take clipboard")?;
    viewer.events.wait("allowed", SOON)?;
    user.until(SOON, "nothing", |user| Ok(targets(user)?.is_empty()))
}

/// A technician on the libraries who may do both.
fn hostile() -> anyhow::Result<(World, Display, Agent, Hostile)> {
    let (mut world, user) = world()?;
    let mut agent = world.share(&user, &[])?;
    let genuine = sightline::io::technician::read(&world.technician_file())?;
    let claimed = Hostile::claim(genuine, &agent.code)?;
    let mut technician = claimed.map_err(anyhow::Error::from)?;
    let asked = Capability::named("clipboard").with(Capability::View);
    technician
        .until_asked(&agent.code, asked)?
        .map_err(anyhow::Error::from)?;
    agent.answer("y")?;
    technician.until_begun()?.map_err(anyhow::Error::from)?;
    Ok((world, user, agent, technician))
}

fn of_ours(message: ClipboardMessage) -> TechnicianSays {
    TechnicianSays::Clipboard(Whose::Technicians, message)
}

fn offer(offer: u64, form: Form) -> TechnicianSays {
    let forms = vec![form];
    of_ours(ClipboardMessage::Offer { offer, forms })
}

#[test]
fn a_flood_of_offers_and_false_contents_put_nothing_into_a_paste() -> anyhow::Result<()> {
    let (_world, user, mut agent, mut technician) = hostile()?;
    for n in 0..3_000 {
        technician.say(&offer(n, Form::Text))?;
    }
    technician.say(&offer(3_000, Form::Html))?;
    let there = |user: &Display| Ok(targets(user)?.iter().any(|t| t == "text/html"));
    user.until(SOON, "the last offer", there)?;
    let pasting = std::thread::spawn({
        let display = user.name().to_owned();
        move || paste_within(&display, "text/html", SOON)
    });
    std::thread::sleep(Duration::from_millis(500));
    // Another content than the hash says.
    technician.say(&of_ours(ClipboardMessage::Giving {
        ask: 0,
        form: Form::Html,
        bytes: 3,
        sha256: Digest::of(&[b"xyz"]),
    }))?;
    let bytes = b"abc".to_vec();
    technician.say(&TechnicianSays::ClipboardPart(ClipboardPart {
        ask: 0,
        bytes,
    }))?;
    assert_eq!(pasting.join().expect("it does not panic")?, b"");
    // More than was announced ends the session.
    let bytes = vec![b'a'; 100];
    technician.say(&TechnicianSays::ClipboardPart(ClipboardPart {
        ask: 7,
        bytes,
    }))?;
    let (code, _) = technician.listen_to_the_end(SOON)?;
    assert_eq!(code, CloseCode::ProtocolViolation);
    let (_, reason) = agent.ends(SOON)?;
    assert!(reason.contains("broke the protocol"), "{reason}");
    assert!(targets(&user)?.is_empty(), "nothing of it stays");
    Ok(())
}
