//! What the technician sees is what the user's screen shows, bit for bit; and what happens when the screen changes its
//! size or goes away.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sightline_tests::display::Display;
use sightline_tests::program::Program;
use sightline_tests::proxy::Conditions;
use sightline_tests::stage::{Stage, focus};
use sightline_tests::workload::{Kind, Options, Workload};
use sightline_tests::world::{Agent, SOON, Setting, viewer_ends};
use x11rb::protocol::xproto::{ConfigureWindowAux, ConnectionExt as _};

use crate::lost::behind_a_proxy;

/// A session whose viewer shows the user's whole screen, one pixel for one pixel.
fn one_to_one(stage: &mut Stage) -> anyhow::Result<(Agent, Program)> {
    let mut agent = stage.world.share(&stage.user, &[])?;
    let args = ["--one-to-one", "--fullscreen"];
    let mut viewer = stage.world.connect(&stage.technician, &agent.code, &args)?;
    agent.answer("y")?;
    viewer.events.wait("granted", SOON)?;
    stage.technician.wait_window("Sightline", SOON)?;
    // The pointer over the picture is the technician's own: nothing is drawn into the picture for it.
    let (width, height) = size(&stage.technician)?;
    let before = stage.user.pointer()?;
    let mut aside = 0;
    stage
        .technician
        .until(SOON, "the user's pointer to follow", |technician| {
            aside = (aside + 7) % 70;
            technician.move_to(width as i32 / 2 - aside, height as i32 / 2)?;
            Ok(stage.user.pointer()? != before)
        })?;
    Ok((agent, viewer))
}

fn size(display: &Display) -> anyhow::Result<(u32, u32)> {
    let root = display.screenshot()?;
    Ok((root.width, root.height))
}

/// Waits until the technician's screen has the user's screen in it, whole and exact.
pub fn shows_exactly(technician: &Display, user: &Display, within: Duration) -> anyhow::Result<()> {
    let until = Instant::now() + within;
    loop {
        let (seen, screen) = (technician.screenshot()?, user.screenshot()?);
        if seen.find(&screen).is_some() {
            return Ok(());
        }
        if Instant::now() > until {
            let folder = std::env::temp_dir();
            seen.save(&folder.join("sightline-seen.png"))?;
            screen.save(&folder.join("sightline-screen.png"))?;
            bail!(
                "the picture is not exact after {within:?}; both are in {}",
                folder.display()
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The smallest technician's screen that shows any user's screen of these tests whole.
fn wide() -> anyhow::Result<Display> {
    Display::start(1400, 1100)
}

#[test]
fn after_scrolling_and_moving_windows_the_picture_is_exact() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    stage.technician = wide()?;
    let (_agent, _viewer) = one_to_one(&mut stage)?;
    shows_exactly(&stage.technician, &stage.user, SOON)?;
    focus(&stage.user, stage.pad.window)?;
    for line in 1..=40 {
        stage
            .user
            .type_text(&format!("line {line}\n"), Duration::from_millis(1))?;
    }
    shows_exactly(&stage.technician, &stage.user, SOON)?;
    for step in 1..=12 {
        let place = ConfigureWindowAux::new()
            .x(40 + 17 * step)
            .y(120 + 5 * step);
        let x = stage.user.connection();
        x.configure_window(stage.pad.window, &place)?.check()?;
        std::thread::sleep(Duration::from_millis(15));
    }
    shows_exactly(&stage.technician, &stage.user, SOON)
}

#[test]
fn a_screen_resized_in_mid_session_is_shown_whole_and_exact() -> anyhow::Result<()> {
    let mut stage = Stage::on(Display::resizable(1024, 768)?, Setting::default())?;
    stage.technician = wide()?;
    let (_agent, _viewer) = one_to_one(&mut stage)?;
    shows_exactly(&stage.technician, &stage.user, SOON)?;
    for (width, height) in [(1280, 1024), (800, 600), (1024, 768)] {
        stage.user.resize(width, height)?;
        shows_exactly(&stage.technician, &stage.user, SOON)?;
        focus(&stage.user, stage.pad.window)?;
        stage.user.type_text("after\n", Duration::ZERO)?;
        shows_exactly(&stage.technician, &stage.user, SOON)?;
    }
    Ok(())
}

/// Long enough that what moves is video by then.
const WHILE: Duration = Duration::from_millis(2_500);

/// Everything that takes a way of its own: video, sketches, recalled pages, copies.
const WORK: [Kind; 5] = [
    Kind::Video,
    Kind::Flipping,
    Kind::Switching,
    Kind::Dragging,
    Kind::Repainting,
];

/// The windows stay when the work is over.
fn work(user: &Display, kind: Kind) -> anyhow::Result<Workload> {
    let mut workload = Workload::open(user.name(), kind, Options::default())?;
    workload.run(WHILE, &AtomicBool::new(false), |_| ())?;
    Ok(workload)
}

#[test]
fn whatever_was_going_on_the_picture_is_exact_when_it_rests() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    stage.technician = wide()?;
    let (_agent, _viewer) = one_to_one(&mut stage)?;
    for kind in WORK {
        let _windows = work(&stage.user, kind)?;
        shows_exactly(&stage.technician, &stage.user, SOON)
            .with_context(|| kind.name().to_owned())?;
    }
    Ok(())
}

#[test]
fn on_a_bad_line_it_becomes_exact_as_well() -> anyhow::Result<()> {
    let (proxy, mut stage) = behind_a_proxy()?;
    stage.technician = wide()?;
    let (_agent, _viewer) = one_to_one(&mut stage)?;
    proxy.set(Conditions {
        delay: Duration::from_millis(40),
        jitter: Duration::from_millis(10),
        loss_per_mille: 20,
        rate: Some(500_000),
        queue: 64_000,
        ..Conditions::default()
    });
    for kind in [Kind::Video, Kind::Flipping] {
        let _windows = work(&stage.user, kind)?;
        shows_exactly(&stage.technician, &stage.user, 3 * SOON)
            .with_context(|| kind.name().to_owned())?;
    }
    Ok(())
}

#[test]
fn when_the_users_desktop_goes_both_ends_say_so() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut viewer) = stage.session()?;
    stage.user.kill_server()?;
    let reason = "the desktop went away";
    assert_eq!(agent.ends(SOON)?, (50, reason.into()));
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (50, reason.into()));
    Ok(())
}
