//! Terminals on the user's computer.

use std::path::Path;
use std::time::Duration;

use sightline_tests::display::Display;
use sightline_tests::glass::Glass;
use sightline_tests::memory::{find_in_files, find_in_process};
use sightline_tests::program::Program;
use sightline_tests::terminal::InTerminal;
use sightline_tests::world::{Agent, SOON, Setting, World};

/// A world with a session in which everything was asked for and allowed.
struct Scene {
    // Order matters: programs end before their display.
    holder: Program,
    agent: Agent,
    world: World,
    _user: Display,
}

fn scene(ask: &str) -> anyhow::Result<Scene> {
    let mut world = World::with(Setting::everything())?;
    let user = Display::start(640, 480)?;
    let (agent, holder) = world.held(&user, &["--ask", ask])?;
    Ok(Scene {
        holder,
        agent,
        world,
        _user: user,
    })
}

fn shell(scene: &mut Scene, args: &[&str]) -> anyhow::Result<Glass> {
    scene.world.glass(&[&["shell"], args].concat())
}

/// A prompt that no user's configuration changes.
fn plain_shell(scene: &mut Scene) -> anyhow::Result<Glass> {
    let glass = shell(
        scene,
        &["--", "PS1='ready> ' exec bash --norc --noprofile -i"],
    )?;
    glass.wait("ready>", SOON)?;
    Ok(glass)
}

#[test]
fn a_command_runs_as_the_user_and_its_exit_code_is_handed_on() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let mut ran = shell(&mut scene, &["--", "echo Grüße from $(id -un); exit 7"])?;
    ran.wait("Grüße from", SOON)?;
    assert_eq!(ran.exit_code(SOON)?, 7);
    let mut killed = shell(&mut scene, &["--", "kill -TERM $$"])?;
    assert_eq!(killed.exit_code(SOON)?, 128 + 15);
    let opened = scene.agent.terminal.events.wait("shell_opened", SOON)?;
    assert_eq!(opened["command"], "echo Grüße from $(id -un); exit 7");
    let ended = scene.agent.terminal.events.wait("shell_ended", SOON)?;
    assert_eq!(ended["exit_code"], 7);
    Ok(())
}

#[test]
fn full_screen_programs_work_and_a_terminal_is_left_and_found_again() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("note.txt");
    let mut glass = plain_shell(&mut scene)?;
    glass.keys("stty size; echo ${LINES}x$COLUMNS\r")?;
    glass.wait("30 100", SOON)?;
    glass.resize(90, 25)?;
    glass.until("the new size", SOON, |_| true)?;
    glass.keys("\rstty size\r")?;
    glass.wait("25 90", SOON)?;

    glass.keys(&format!("vi {}\r", file.display()))?;
    glass.until("the editor", SOON, |glass| glass.is_full_screen())?;
    glass.keys("ihello from afar\x1b")?;
    glass.wait("hello from afar", SOON)?;
    glass.keys("\r~d")?;
    assert_eq!(glass.exit_code(SOON)?, 0);
    assert!(
        !glass.is_full_screen(),
        "the technician's terminal is as before"
    );

    let mut again = shell(&mut scene, &["--attach"])?;
    again.wait("hello from afar", SOON)?;
    assert!(again.is_full_screen());
    again.keys(":wq\r")?;
    again.wait("ready>", SOON)?;
    assert_eq!(std::fs::read_to_string(&file)?, "hello from afar\n");
    again.keys("exit 3\r")?;
    assert_eq!(again.exit_code(SOON)?, 3);
    Ok(())
}

/// vim without anybody's configuration, with the mouse.
fn edit(glass: &mut Glass, file: &Path) -> anyhow::Result<()> {
    let file = file.display();
    glass.keys(&format!("vim -Nu NONE -c 'set mouse=a' {file}\r"))?;
    glass.until("the editor with the mouse", SOON, |glass| {
        glass.is_full_screen() && glass.tells_mouse()
    })
}

#[test]
fn the_mouse_works_in_vim_and_a_larger_window_too() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("lines.txt");
    let lines: Vec<String> = (1..=40).map(|n| format!("line number {n}")).collect();
    std::fs::write(&file, lines.join("\n") + "\n")?;
    let mut glass = plain_shell(&mut scene)?;
    edit(&mut glass, &file)?;
    glass.wait("line number 29", SOON)?;
    glass.click(6, 3)?;
    glass.keys("iCLICKED \x1b")?;
    glass.wait("line CLICKED number 3", SOON)?;
    // From here to there, with the button held.
    glass.keys("\x1b[<0;1;5M\x1b[<32;6;5M\x1b[<0;6;5m")?;
    glass.wait("VISUAL", SOON)?;
    glass.keys("d")?;
    glass.until("what was dragged over is gone", SOON, |glass| {
        glass.line(5) == "umber 5"
    })?;
    glass.keys("\x1b[<65;5;5M\x1b[<65;5;5M")?;
    glass.until("the wheel turns", SOON, |glass| {
        glass.line(1) == "line number 7"
    })?;
    glass.resize(100, 36)?;
    glass.until("the larger screen is filled", SOON, |glass| {
        glass.text().contains("line number 40") && glass.line(1).contains("line")
    })?;
    glass.keys(":wq\r")?;
    glass.until("the terminal is as before", SOON, |glass| {
        !glass.tells_mouse() && glass.text().contains("ready>")
    })?;
    let saved = std::fs::read_to_string(&file)?;
    assert!(saved.contains("line CLICKED number 3\n") && saved.contains("\number 5\n"));
    glass.keys("exit\r")?;
    assert_eq!(glass.exit_code(SOON)?, 0);
    assert!(!glass.is_switched());
    Ok(())
}

#[test]
fn the_mouse_works_in_tmux_and_it_follows_the_window() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let mut glass = plain_shell(&mut scene)?;
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("socket").display().to_string();
    let config = folder.path().join("tmux.conf");
    std::fs::write(
        &config,
        "set -g mouse on\nset -g default-command \"PS1='pane> ' bash --norc --noprofile -i\"\nset -g status-left 'below '\n",
    )?;
    let tmux = format!("tmux -S {socket} -f {}", config.display());
    glass.keys(&format!("{tmux} new-session \\; split-window -h\r"))?;
    glass.until("two panes with the mouse", SOON, |glass| {
        glass.tells_mouse() && glass.line(1).matches("pane>").count() == 2
    })?;
    assert!(glass.line(30).starts_with("below"));
    glass.keys("echo right\r")?;
    glass.until("what is typed goes right", SOON, |glass| {
        glass.line(2).find("right").is_some_and(|at| at > 40)
    })?;
    glass.click(10, 5)?;
    glass.keys("echo left\r")?;
    glass.until("after a click it goes left", SOON, |glass| {
        glass.line(2).starts_with("left")
    })?;
    glass.resize(120, 40)?;
    glass.until("the foot is at the new foot", SOON, |glass| {
        glass.line(40).starts_with("below") && glass.text().contains("pane>")
    })?;
    // tmux tells its panes of a new size when it has not changed for a moment.
    glass.keys("until [[ $(stty size) = 39* ]]; do sleep 0.1; done; echo is-$((30+9))\r")?;
    glass.wait("is-39", SOON)?;
    glass.keys("\x02d")?;
    glass.wait("[detached", SOON)?;
    assert!(!glass.tells_mouse());
    glass.keys(&format!("{tmux} kill-server; exit\r"))?;
    assert_eq!(glass.exit_code(SOON)?, 0);
    assert!(!glass.is_switched());
    Ok(())
}

#[test]
fn top_draws_itself_anew_in_every_size() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let mut glass = plain_shell(&mut scene)?;
    glass.keys("HOME=/nonexistent top -d 0.5\r")?;
    let rows = |glass: &Glass| {
        let text = glass.text();
        let below = text.lines().skip_while(|line| !line.contains("PID USER"));
        below.skip(1).filter(|line| !line.trim().is_empty()).count()
    };
    glass.until("the list", SOON, |glass| {
        glass.line(1).starts_with("top -") && rows(glass) > 3
    })?;
    glass.resize(100, 12)?;
    glass.until("a short list", SOON, |glass| {
        glass.line(1).starts_with("top -") && (1..=5).contains(&rows(glass))
    })?;
    let clock = glass.line(1);
    glass.until("time goes on", SOON, |glass| {
        glass.line(1).starts_with("top -") && glass.line(1) != clock
    })?;
    glass.keys("q")?;
    glass.wait("ready>", SOON)?;
    glass.keys("exit\r")?;
    assert_eq!(glass.exit_code(SOON)?, 0);
    assert!(!glass.is_switched());
    Ok(())
}

#[test]
fn the_technicians_terminal_is_put_back_however_it_ends() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let folder = tempfile::tempdir()?;
    let mut glass = plain_shell(&mut scene)?;
    edit(&mut glass, &folder.path().join("note.txt"))?;
    glass.keys("\r~d")?;
    assert_eq!(glass.exit_code(SOON)?, 0, "it was left");
    assert!(!glass.is_switched());

    let mut again = shell(&mut scene, &["--attach"])?;
    again.until("the editor and the mouse again", SOON, |glass| {
        glass.is_full_screen() && glass.tells_mouse()
    })?;
    again.signal(rustix::process::Signal::TERM)?;
    assert_eq!(again.exit_code(SOON)?, 128 + 15);
    assert!(!again.is_switched());

    let mut taken_over = shell(&mut scene, &["--attach"])?;
    taken_over.until("the mouse", SOON, Glass::tells_mouse)?;
    let mut cut = shell(&mut scene, &["--attach", "1"])?;
    assert_eq!(taken_over.exit_code(SOON)?, 1);
    assert!(!taken_over.is_switched());

    cut.until("the mouse", SOON, Glass::tells_mouse)?;
    scene.holder.process.signal(rustix::process::Signal::KILL)?;
    assert_eq!(cut.exit_code(SOON)?, 1);
    assert!(!cut.is_switched());
    Ok(())
}

/// A terminal goes on telling of the mouse until it has read that it need not.
#[test]
fn what_the_mouse_did_last_is_not_taken_for_typed() -> anyhow::Result<()> {
    let scene = scene("view,shell")?;
    let program = sightline_tests::program::built("sightline")?;
    let command = r#"printf "\033[?1003h\033[?1006hmoving "; sleep 1000"#;
    let here = format!(
        "{} shell -- '{command}'; read -t 1 typed; echo \"typed: [$typed]\"",
        program.display()
    );
    let mut glass = scene.world.glass_of(Path::new("bash"), &["-c", &here])?;
    glass.wait("moving", SOON)?;
    glass.keys("\r~.")?;
    let asks = |glass: &Glass| glass.bytes().windows(4).any(|window| window == b"\x1b[5n");
    glass.until("the question whether it has read", SOON, asks)?;
    glass.keys("\x1b[<35;10;5M\x1b[<35;11;5M\x1b[0n")?;
    glass.wait("typed: []", SOON)?;
    Ok(())
}

#[test]
fn nothing_there_acts_on_the_technicians_terminal() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let hostile = r"printf '\033]52;c;ZXZpbA==\007\033]0;evil title\007\033[21t\033P$q\042p\033\\\033[c\033[6n'; printf '\033[1mbold\033[m end\n'; sleep 1";
    let mut glass = shell(&mut scene, &["--", hostile])?;
    glass.wait("bold end", SOON)?;
    assert_eq!(glass.exit_code(SOON)?, 0);
    let bytes = glass.bytes();
    let has = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    assert!(has(b"\x1b[1mbold"));
    for acts in [
        &b"\x1b]"[..],
        b"evil",
        b"\x1b[21t",
        b"\x1bP",
        b"\x1b[c",
        b"\x1b[6n",
    ] {
        assert!(
            !has(acts),
            "{:?} came through",
            String::from_utf8_lossy(acts)
        );
    }
    assert!(has(b"wanted to set your clipboard"));
    Ok(())
}

#[test]
fn ctrl_c_stops_a_flood_at_once() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let mut glass = plain_shell(&mut scene)?;
    glass.keys("yes flood\r")?;
    glass.wait("flood", SOON)?;
    std::thread::sleep(Duration::from_millis(300));
    glass.keys("\x03")?;
    glass.until(
        "the prompt after the flood",
        Duration::from_secs(5),
        |glass| glass.text().trim_end().ends_with("ready>"),
    )?;
    Ok(())
}

#[test]
fn without_the_right_there_is_no_terminal() -> anyhow::Result<()> {
    let mut scene = scene("view,control")?;
    let mut command = scene.world.command(&["shell", "--", "id"])?;
    assert_eq!(command.exit_code(SOON)?, 1);
    Ok(())
}

#[test]
fn a_shell_makes_a_session_of_its_own_and_ends_it() -> anyhow::Result<()> {
    let mut world = World::with(Setting::everything())?;
    let user = Display::start(640, 480)?;
    let mut agent = world.share(&user, &[])?;
    let file = world.technician_file().display().to_string();
    let mut glass = world.glass(&["shell", "--as", &file, "--", "echo alone; exit 5"])?;
    glass.wait("Session code:", SOON)?;
    glass.keys(&format!("{}\r", agent.code))?;
    agent.answer("y")?;
    glass.wait("alone", SOON)?;
    assert_eq!(glass.exit_code(SOON)?, 5);
    let closed = agent.terminal.events.wait("closed", SOON)?;
    assert_eq!(closed["reason"], "the technician left");
    Ok(())
}

#[test]
fn the_right_taken_back_closes_the_terminal_and_the_recording_proves_it() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let mut glass = plain_shell(&mut scene)?;
    glass.keys("echo before; yes after\r")?;
    glass.wait("after", SOON)?;
    scene.agent.terminal.type_line("/take shell")?;
    assert_eq!(glass.exit_code(SOON)?, 1);
    glass.wait("taken back", SOON)?;
    let mut refused = scene.world.command(&["shell", "--", "id"])?;
    assert_eq!(refused.exit_code(SOON)?, 1);
    scene.agent.terminal.type_line("/stop")?;
    assert_eq!(scene.holder.exit_code(SOON)?, 0);
    scene.world.relay.events.wait("over", SOON)?;
    scene.world.audit("verify", &[])?;
    let found = scene.world.audit("search", &["before"])?;
    assert!(found.contains("echo before"), "{found}");
    let cast = scene.world.audit("export", &["--cast", "-"])?;
    assert!(cast.contains("after"));
    Ok(())
}

#[test]
fn the_relay_sees_nothing_of_a_terminal_and_of_words() -> anyhow::Result<()> {
    const SECRETS: [&[u8]; 3] = [b"wombat5saffron", b"ibex3marigold", b"tapir8juniper"];
    let mut scene = scene("view,shell")?;
    let mut glass = plain_shell(&mut scene)?;
    glass.keys("echo wombat5saffron\r")?;
    glass.wait("\nwombat5saffron", SOON)?;
    for words in [["chat", "ibex3marigold"], ["note", "tapir8juniper"]] {
        assert_eq!(scene.world.command(&words)?.exit_code(SOON)?, 0);
    }
    scene.agent.terminal.events.wait("note", SOON)?;
    let secrets = SECRETS.map(<[u8]>::to_vec);
    let relay = scene.world.relay.process.pid();
    assert_eq!(find_in_process(relay, &secrets)?, [false; 3]);
    // The search must find what is there: the screen and the talk are kept by the program that holds the session.
    let there = find_in_process(scene.holder.process.pid(), &secrets)?;
    assert_eq!(there[..2], [true; 2]);
    scene.agent.terminal.type_line("/stop")?;
    scene.world.relay.events.wait("over", SOON)?;
    assert_eq!(find_in_process(relay, &secrets)?, [false; 3]);
    for place in ["relay", "relay.log"] {
        let place = scene.world.folder().join(place);
        assert_eq!(find_in_files(&place, &secrets)?, [false; 3]);
    }
    Ok(())
}

/// For a scene's end in order.
#[test]
fn a_session_that_ends_ends_its_terminals() -> anyhow::Result<()> {
    let mut scene = scene("view,shell")?;
    let mut glass = plain_shell(&mut scene)?;
    glass.keys("sleep 4711\r")?;
    let terminal: &InTerminal = &scene.agent.terminal;
    terminal.signal(rustix::process::Signal::INT)?;
    assert_eq!(glass.exit_code(SOON)?, 255, "it was cut off");
    assert_eq!(scene.holder.exit_code(SOON)?, 0);
    let still = std::process::Command::new("pgrep")
        .args(["-f", "sleep 4711"])
        .status()?;
    assert!(!still.success(), "what ran in the terminal is gone");
    Ok(())
}
