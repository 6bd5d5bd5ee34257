//! Terminals in the window.

use sightline_tests::display::Display;
use sightline_tests::letters::{self, Hand, hand, terminal};
use sightline_tests::world::SOON;

use super::Scene;

#[test]
fn a_terminal_in_the_window_runs_on_the_users_computer() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,control,shell")?;
    scene.stage.type_through("to the desktop")?;
    scene.call('t')?;
    scene.agent.terminal.events.wait("shell_opened", SOON)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("there");
    scene.types("PS1='ready: '\n")?;
    letters::wait(scene.technician(), "ready:", &terminal(), SOON)?;
    scene.types(&format!("echo sum $((40+2)) | tee {}\n", file.display()))?;
    letters::wait(scene.technician(), "sum 42", &terminal(), SOON)?;
    assert_eq!(std::fs::read_to_string(&file)?, "sum 42\n");
    scene.picture("terminal")?;
    // Nothing of it went to the remote desktop, and what is typed after it goes there again.
    scene.call('t')?;
    scene.stage.type_through("and back")?;
    assert_eq!(scene.stage.pad.typed()?, "to the desktop\nand back\n");
    Ok(())
}

#[test]
fn the_right_taken_back_ends_the_windows_terminals_and_says_so() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,shell")?;
    scene.call('t')?;
    scene.agent.terminal.events.wait("shell_opened", SOON)?;
    scene.types("echo before\n")?;
    letters::wait(scene.technician(), "before", &terminal(), SOON)?;
    scene.takes_back("shell")?;
    let words = "The user has taken back the right to run commands.";
    let caution = hand(13.0, 0x00e3_a03c, 0x002a_2e35);
    letters::wait(scene.technician(), words, &caution, SOON)?;
    assert!(letters::shows(scene.technician(), "before", &terminal())?);
    scene.picture("terminal-taken-back")?;
    Ok(())
}

#[test]
fn several_terminals_with_programs_that_fill_the_screen() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,control,shell")?;
    let display = scene.stage.technician.name().to_owned();
    scene.call('t')?;
    scene.agent.terminal.events.wait("shell_opened", SOON)?;
    scene.types("PS1='one: '; clear\n")?;
    letters::wait(scene.technician(), "one:", &terminal(), SOON)?;
    // Colours and wide characters, by a program.
    scene.types(r"printf '\033[1;34mdir\033[m \033[41;97m error \033[m \033[38;2;10;200;30mgreen\033[m \346\227\245\346\234\254 \341\203\220\341\203\221 \342\224\214\342\224\200\342\224\220 \033[4munder\033[m\n'")?;
    scene.types("\n")?;
    let green = Hand {
        ink: 0x000a_c81e,
        ..terminal()
    };
    letters::wait(scene.technician(), "green", &green, SOON)?;
    scene.picture("terminal-colours")?;
    // Another one, in which an editor fills the screen.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("note");
    press(&scene, &[CONTROL, SHIFT, 't' as u32])?;
    scene.agent.terminal.events.wait("shell_opened", SOON)?;
    scene.types(&format!("vi {}", file.display()))?;
    letters::wait(
        scene.technician(),
        &format!("vi {}", file.display()),
        &terminal(),
        SOON,
    )?;
    scene.types("\n")?;
    // It takes the whole screen, and what was there is not seen.
    scene.technician().until(SOON, "the editor", |display| {
        let name = file.display().to_string();
        Ok(!letters::shows(
            display,
            &format!("vi {name}"),
            &terminal(),
        )?)
    })?;
    scene.types("ihello from the window")?;
    press(&scene, &[ESCAPE])?;
    letters::wait(
        scene.technician(),
        "hello from the window",
        &terminal(),
        SOON,
    )?;
    scene.picture("terminal-editor")?;
    scene.types(":wq\n")?;
    let written =
        || Ok(std::fs::read_to_string(&file).is_ok_and(|text| text.starts_with("hello from")));
    scene.technician().until(SOON, "the note", |_| written())?;
    let gone = |display: &Display| {
        Ok(!letters::shows(
            display,
            "hello from the window",
            &terminal(),
        )?)
    };
    scene
        .technician()
        .until(SOON, "the end of the editor", gone)?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    // Its end is said; the other one is still there.
    scene.types("exit 3\n")?;
    let ended = hand(13.0, 0x00e3_a03c, 0x002a_2e35);
    letters::wait(
        scene.technician(),
        "The program ended with exit code 3.",
        &ended,
        SOON,
    )?;
    scene.picture("terminal-ended")?;
    press(&scene, &[CONTROL, PAGE_UP])?;
    letters::wait(scene.technician(), "one:", &terminal(), SOON)?;
    // Back through what scrolled away, and to the end with the next key.
    scene.types("seq 1 300\n")?;
    letters::wait(scene.technician(), "300", &terminal(), SOON)?;
    press(&scene, &[SHIFT, PAGE_UP])?;
    letters::wait(scene.technician(), "270", &terminal(), SOON)?;
    assert!(!letters::shows(scene.technician(), "300", &terminal())?);
    scene.types("#")?;
    letters::wait(scene.technician(), "300", &terminal(), SOON)?;
    // What is pasted comes as one, and is not run.
    copy(&display, "echo pasted\necho twice\n")?;
    press(&scene, &[CONTROL, SHIFT, 'v' as u32])?;
    letters::wait(scene.technician(), "echo twice", &inverse(), SOON)?;
    scene.picture("terminal-pasted")?;
    Ok(())
}

#[test]
fn the_mouse_in_the_window_works_in_an_editor_there() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,control,shell")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("lines");
    std::fs::write(&file, "first line\nsecond line\nthird line\n")?;
    scene.call('t')?;
    scene.agent.terminal.events.wait("shell_opened", SOON)?;
    let edit = format!("vim -Nu NONE -c 'set mouse=a' {}\n", file.display());
    scene.types(&edit)?;
    letters::wait(scene.technician(), "third line", &terminal(), SOON)?;
    // In the middle of the word is its third letter.
    let (x, y) = letters::find(scene.technician(), "third", &terminal())?;
    scene.clicks(x, y)?;
    scene.types("iCLICKED ")?;
    press(&scene, &[ESCAPE])?;
    letters::wait(scene.technician(), "thCLICKED", &terminal(), SOON)?;
    scene.types(":wq\n")?;
    scene.technician().until(SOON, "the file", |_| {
        Ok(std::fs::read_to_string(&file)? == "first line\nsecond line\nthCLICKED ird line\n")
    })
}

#[test]
fn a_flood_stops_at_once_and_the_picture_goes_on() -> anyhow::Result<()> {
    let mut scene = Scene::set("view,control,shell")?;
    scene.call('t')?;
    scene.agent.terminal.events.wait("shell_opened", SOON)?;
    scene.types("PS1='ready: '; clear\n")?;
    letters::wait(scene.technician(), "ready:", &terminal(), SOON)?;
    scene.types("yes a flood of words that nobody reads\n")?;
    letters::wait(scene.technician(), "a flood of words", &terminal(), SOON)?;
    // The desktop changes meanwhile, and that is seen.
    const SKY: u32 = 0x0012_3456;
    scene.stage.user.run("xsetroot", &["-solid", "#123456"])?;
    let seen = |display: &Display| Ok(display.screenshot()?.pixels.contains(&SKY));
    scene
        .technician()
        .until(SOON, "the desktop's new colour", seen)?;
    press(&scene, &[CONTROL, 'c' as u32])?;
    let stopped = std::time::Duration::from_secs(5);
    scene.types("clear\n")?;
    scene
        .technician()
        .until(stopped, "the end of the flood", |display| {
            let flood = letters::shows(display, "a flood of words", &terminal())?;
            Ok(!flood && letters::shows(display, "ready:", &terminal())?)
        })
}

const CONTROL: u32 = 0xffe3;
const SHIFT: u32 = 0xffe1;
const ESCAPE: u32 = 0xff1b;
const PAGE_UP: u32 = 0xff55;

/// Keys together: all but the last are held.
fn press(scene: &Scene, keys: &[u32]) -> anyhow::Result<()> {
    for key in keys {
        scene.technician().key(*key, true)?;
    }
    for key in keys.iter().rev() {
        scene.technician().key(*key, false)?;
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    Ok(())
}

/// As bash shows what was pasted and is not run yet.
fn inverse() -> Hand {
    let usual = terminal();
    Hand {
        ink: usual.ground,
        ground: usual.ink,
        ..usual
    }
}

/// Puts text onto a display's clipboard.
fn copy(display: &str, text: &str) -> anyhow::Result<()> {
    let mut child = std::process::Command::new("xclip")
        .args(["-selection", "clipboard"])
        .env("DISPLAY", display)
        .stdin(std::process::Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, text.as_bytes())?;
    Ok(())
}
