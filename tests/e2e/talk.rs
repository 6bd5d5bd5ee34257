//! User and technician talk: before anything is allowed, and in the user's own window.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use sightline_tests::display::Display;
use sightline_tests::letters::keep;
use sightline_tests::memory::find_in_files;
use sightline_tests::person::Person;
use sightline_tests::program::Program;
use sightline_tests::stage::{KEY, focus};
use sightline_tests::world::{Agent, SOON, Setting, World};
use x11rb::protocol::xproto::Window;

/// A person who is not heard tries again after so long, and so often.
const AGAIN: Duration = Duration::from_secs(5);
const TRIES: usize = 4;

fn write(program: &mut Program, line: &str) -> anyhow::Result<()> {
    let stdin = program.stdin.as_mut().context("no standard input")?;
    Ok(writeln!(stdin, "{line}")?)
}

/// What was said, by the time at which it was: microseconds since the session's start, who, what.
fn said(world: &World) -> anyhow::Result<Vec<(i64, String, String)>> {
    world.audit("verify", &[])?;
    let lines = world.audit("export", &["--jsonl", "-"])?;
    let mut said = Vec::new();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line)?;
        if event["event.action"] == "chat" {
            let at = event["sightline.offset_us"].as_i64().unwrap_or_default();
            let early = event["sightline.before_consent"] == true;
            anyhow::ensure!(early == (at < 0), "{event}");
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            said.push((at, text("user.name"), text("message")));
        }
    }
    said.sort();
    let found = world.audit("search", &["WHICH printer"])?;
    anyhow::ensure!(found.contains("  -00:00:"), "before the start: {found}");
    Ok(said)
}

#[test]
fn what_is_said_before_the_consent_is_heard_at_once_and_recorded_after_it() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let user = Display::start(1024, 700)?;
    let mut agent = world.share(&user, &[])?;
    let code = agent.code.clone();
    let mut holder = world.hold(&code, &[])?;
    holder.events.wait("consent_asked", SOON)?;
    write(&mut holder, "Grüße, this is Tess: http://example.org")?;
    let terminal = &mut agent.terminal;
    terminal.wait_shown("  | Grüße, this is Tess: http://example.org", SOON)?;
    terminal.type_line("say which printer is it?")?;
    let heard = holder.events.wait("chat", SOON)?;
    assert_eq!(heard["text"], "which printer is it?");
    terminal.wait_shown("You: which printer is it?", SOON)?;
    write(&mut holder, "the one upstairs")?;
    agent.terminal.wait_shown("the one upstairs", SOON)?;
    keep(&user, "talk-before-consent")?;
    agent.answer("y")?;
    holder.events.wait("holding", SOON)?;

    // It is told to commands that come later, and the talk goes on.
    let mut talk = world.command(&["chat"])?;
    for text in [
        "Grüße, this is Tess: http://example.org",
        "which printer is it?",
        "the one upstairs",
    ] {
        assert_eq!(talk.events.wait("chat_before", SOON)?["text"], text);
    }
    // What is typed before the session reads the terminal is nobody's message: it is typed again until it is heard.
    let mut hello = world.command(&["chat", "do you see me?"])?;
    hello.exit_code(SOON)?;
    while agent.terminal.events.wait("chat", SOON)?["text"] != "do you see me?" {}
    for _ in 0..TRIES {
        agent.terminal.type_line("now I see")?;
        if talk.events.wait("chat", AGAIN).is_ok() {
            break;
        }
    }
    agent.terminal.type_line("/stop")?;
    agent.ends(SOON)?;
    holder.exit_code(SOON)?;
    // Each by its own clock, which may differ by what the network takes: in order for each.
    let said = said(&world)?;
    let by = |name: &str| -> Vec<String> {
        let his = said.iter().filter(|(_, who, _)| who == name);
        his.map(|(_, _, what)| what.clone()).collect()
    };
    let technician = [
        "Grüße, this is Tess: http://example.org",
        "the one upstairs",
        "do you see me?",
    ];
    assert_eq!(by("Tess Technician"), technician);
    let mut user = by("agent");
    user.dedup();
    assert_eq!(user, ["which printer is it?", "now I see"]);
    Ok(())
}

#[test]
fn what_is_said_before_a_no_is_recorded_nowhere() -> anyhow::Result<()> {
    const CANARY: &str = "wombat5saffron";
    let mut world = World::start()?;
    let user = Display::start(640, 480)?;
    let mut agent = world.share(&user, &[])?;
    let code = agent.code.clone();
    let mut holder = world.hold(&code, &[])?;
    holder.events.wait("consent_asked", SOON)?;
    write(&mut holder, CANARY)?;
    agent.terminal.wait_shown(CANARY, SOON)?;
    agent.answer("n")?;
    assert_eq!(holder.exit_code(SOON)?, 10);
    assert_eq!(world.recordings()?.len(), 0);
    let relay = world.folder().join("relay");
    let found = find_in_files(&relay, &[CANARY.as_bytes().to_vec()])?;
    assert_eq!(found, [false]);
    Ok(())
}

#[test]
fn a_line_typed_while_the_user_is_asked_is_no_input_of_the_shell() -> anyhow::Result<()> {
    let mut world = World::with(Setting::everything())?;
    let user = Display::start(640, 480)?;
    let mut agent = world.share(&user, &[])?;
    let shell = "PS1='ready> ' exec bash --norc --noprofile -i";
    let mut glass = world.glass_of_its_own(&["shell", "--", shell])?;
    glass.wait("Session code:", SOON)?;
    glass.keys(&format!("{}\r", agent.code))?;
    glass.wait("What you type here goes to the user", SOON)?;
    glass.keys("are you there?\r")?;
    agent.terminal.wait_shown("are you there?", SOON)?;
    agent.terminal.type_line("say yes, I am")?;
    glass.wait("yes, I am", SOON)?;
    // A line that is not finished when the user answers.
    glass.keys("echo stolen-$((40+2))")?;
    glass.wait("echo stolen", SOON)?;
    agent.answer("y")?;
    glass.wait("ready>", SOON)?;
    glass.keys("\recho mine-$((40+3))\r")?;
    glass.wait("mine-43", SOON)?;
    assert!(!glass.text().contains("stolen-42"), "{}", glass.text());
    Ok(())
}

/// Types it, key by key.
fn types(person: &mut Person, text: &str) {
    for c in text.chars() {
        let symbol = if c == '\n' { 0xff0d } else { c.into() };
        person.keys(&[symbol]);
    }
}

/// Clicks into the field and writes, again where a window that was just shown did not take it yet; what was heard.
fn writes(
    person: &mut Person,
    field: (i32, i32),
    text: &str,
    holder: &mut Program,
) -> anyhow::Result<String> {
    for _ in 0..TRIES {
        person.click(field);
        types(person, &format!("{text}\n"));
        if let Ok(heard) = holder.events.wait("chat", AGAIN) {
            return Ok(heard["text"].as_str().unwrap_or_default().to_owned());
        }
    }
    anyhow::bail!("{text} was not heard")
}

#[test]
fn the_user_answers_in_the_windows_with_own_hands() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let folder = tempfile::tempdir()?;
    let (user, mut person) = Display::seated(1024, 700, folder.path())?;
    let mut agent = world.share(&user, &[])?;
    let code = agent.code.clone();
    let mut holder = world.hold(&code, &[])?;
    holder.events.wait("consent_asked", SOON)?;
    write(&mut holder, "Hello, this is Tess. May I have a look?")?;
    agent.terminal.wait_shown("this is Tess", SOON)?;
    let window = user.wait_window("Remote support request", SOON)?;
    let (x, y, _, height) = user.place(window)?;
    // The window takes keys once it has been in sight for a moment.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let field = (x + 120, y + height as i32 - 36);
    let heard = writes(&mut person, field, "Which printer?", &mut holder)?;
    keep(&user, "talk-window-before-consent")?;
    assert!(heard.ends_with("Which printer?"), "{heard}");
    agent.answer("y")?;
    holder.events.wait("holding", SOON)?;

    let indicator = user.wait_window("Remote support", SOON)?;
    let mut first = world.command(&["chat", "Now press the green button"])?;
    first.exit_code(SOON)?;
    agent.terminal.events.wait("chat", SOON)?;
    agent.terminal.events.wait("chat", SOON)?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    let (x, y, _, height) = user.place(indicator)?;
    person.click((x + 50, y + height as i32 - 17));
    let chat = user.wait_window("Remote support chat", SOON)?;
    let (x, y, _, height) = user.place(chat)?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    let field = (x + 100, y + height as i32 - 46);
    let heard = writes(&mut person, field, "It blinks!", &mut holder)?;
    assert!(heard.ends_with("It blinks!"), "{heard}");
    let mut talk = world.command(&["chat"])?;
    keep(&user, "talk-window")?;
    talk.events.wait("chat_before", SOON)?;
    agent.terminal.type_line("/stop")?;
    agent.ends(SOON)?;
    holder.exit_code(SOON)?;
    let last = said(&world)?.pop().context("nothing was said")?;
    assert_eq!((&*last.1, &*last.2), ("agent", &*heard));
    Ok(())
}

/// The user is being asked; the technician, who has no terminal, sees the window that waits.
struct Claimed {
    // Order matters: programs end before their display.
    viewer: Program,
    agent: Agent,
    window: Window,
    technician: Display,
    _user: Display,
    _world: World,
}

fn claim_in_windows() -> anyhow::Result<Claimed> {
    let mut world = World::start()?;
    let user = Display::start(640, 480)?;
    let technician = Display::start(1200, 800)?;
    let agent = world.share(&user, &[])?;
    let mut viewer = world.connect_in_windows(&technician)?;
    let window = technician.wait_window("Sightline: connect", SOON)?;
    focus(&technician, window)?;
    technician.type_text(&format!("{}\n", agent.code), KEY)?;
    let window = technician.wait_window("Sightline: waiting", SOON)?;
    viewer.events.wait("consent_asked", SOON)?;
    Ok(Claimed {
        viewer,
        agent,
        window,
        technician,
        _user: user,
        _world: world,
    })
}

#[test]
fn who_typed_the_code_into_a_window_talks_in_one() -> anyhow::Result<()> {
    let mut claimed = claim_in_windows()?;
    let (agent, viewer) = (&mut claimed.agent, &mut claimed.viewer);
    let (technician, window) = (&claimed.technician, claimed.window);
    focus(technician, window)?;
    // Shown before it can be written in.
    std::thread::sleep(std::time::Duration::from_millis(300));
    technician.type_text("Hello from a window!\n", KEY)?;
    agent.terminal.wait_shown("Hello from a window!", SOON)?;
    agent.terminal.type_line("say and hello back")?;
    assert_eq!(viewer.events.wait("chat", SOON)?["text"], "and hello back");
    std::thread::sleep(std::time::Duration::from_millis(300));
    keep(technician, "talk-waiting")?;
    agent.answer("y")?;
    viewer.events.wait("round_trip", SOON)?;
    assert_eq!(technician.find_window("Sightline: waiting")?, None);
    viewer.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(agent.ends(SOON)?, (0, "the technician left".into()));
    Ok(())
}

#[test]
fn closing_the_window_leaves_before_the_answer() -> anyhow::Result<()> {
    let mut claimed = claim_in_windows()?;
    let (agent, viewer) = (&mut claimed.agent, &mut claimed.viewer);
    let (technician, window) = (&claimed.technician, claimed.window);
    technician.close_window(window)?;
    let replaced = agent.terminal.events.wait("code_replaced", SOON)?;
    assert_eq!(replaced["reason"], "the technician left");
    assert_eq!(viewer.exit_code(SOON)?, 0);
    Ok(())
}
