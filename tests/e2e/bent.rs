//! A relay that bends what passes: the end that gets it ends the session and says that someone broke the protocol.

use sightline_protocol::record::Class;
use sightline_tests::display::Display;
use sightline_tests::false_relay::{Bend, FalseRelay, HandshakePlan, Plan};
use sightline_tests::stage::Stage;
use sightline_tests::world::{SOON, World, viewer_ends};

const VIOLATION: &str = "the other side broke the protocol";

/// Puts a false relay in the place of the genuine one.
fn replace_relay(
    world: &mut World,
    plan: Option<Plan>,
    handshake: Option<HandshakePlan>,
) -> anyhow::Result<FalseRelay> {
    world.relay.process.0.kill()?;
    world.relay.process.0.wait()?;
    let keys = world.folder().join("relay");
    FalseRelay::start(&keys, &world.relay_address, plan, handshake)
}

/// A session with everything allowed and a relay that follows the plan.
fn session_bent_by(stage: &mut Stage, plan: Plan) -> anyhow::Result<()> {
    let relay = replace_relay(&mut stage.world, Some(plan), None)?;
    let mut agent = stage.world.share(&stage.user, &[])?;
    let mut viewer = stage.world.connect(&stage.technician, &agent.code, &[])?;
    agent.answer("y")?;
    agent.terminal.events.wait("granted", SOON)?;
    if plan.class == Class::Input {
        // Whatever the hands do first is bent; that may be as soon as the window opens under the pointer.
        let mut aside = 0;
        let technician = &stage.technician;
        technician.until(SOON, "an end after an input", |display| {
            aside = (aside + 5) % 200;
            display.move_to(500 + aside, 400)?;
            Ok(agent.terminal.events.has("closed"))
        })?;
        assert_eq!(agent.terminal.exit_code(SOON)?, 60, "{plan:?}");
    } else if plan.from_agent {
        assert_eq!(
            viewer_ends(&mut viewer, SOON)?,
            (60, VIOLATION.into()),
            "{plan:?}"
        );
    } else {
        assert_eq!(agent.ends(SOON)?, (60, VIOLATION.into()), "{plan:?}");
    }
    // The other end hears of it and ends too.
    viewer.exit_code(SOON)?;
    agent.terminal.exit_code(SOON)?;
    no_panic(&stage.world)?;
    drop(relay);
    Ok(())
}

/// No program of the world has fallen over.
fn no_panic(world: &World) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(world.folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let log = std::fs::read_to_string(&path)?;
            assert!(!log.contains("panicked"), "{}:\n{log}", path.display());
        }
    }
    Ok(())
}

fn each_bend(from_agent: bool, class: Class) -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    for bend in [Bend::Flip, Bend::Replay, Bend::Drop, Bend::Truncate] {
        let plan = Plan {
            from_agent,
            class,
            bend,
        };
        session_bent_by(&mut stage, plan)?;
    }
    Ok(())
}

#[test]
fn bent_pictures_end_the_session_at_the_viewer() -> anyhow::Result<()> {
    each_bend(true, Class::Picture)
}

#[test]
fn bent_control_messages_of_the_technician_end_the_session_at_the_agent() -> anyhow::Result<()> {
    each_bend(false, Class::Control)
}

#[test]
fn bent_input_ends_the_session_at_the_agent() -> anyhow::Result<()> {
    each_bend(false, Class::Input)
}

#[test]
fn a_bent_handshake_leads_to_no_question() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let (user, technician) = (Display::bare(640, 480)?, Display::bare(640, 480)?);
    for from_agent in [true, false] {
        // In the hellos, in the certificates, in what is encrypted.
        for byte in [8, 100, 400] {
            let plan = HandshakePlan { from_agent, byte };
            let relay = replace_relay(&mut world, None, Some(plan))?;
            let mut agent = world.share(&user, &[])?;
            let mut viewer = world.connect(&technician, &agent.code, &[])?;
            assert_ne!(viewer.exit_code(SOON)?, 0, "{plan:?}");
            assert!(!viewer.events.has("granted"), "{plan:?}");
            assert!(!agent.terminal.events.has("consent_asked"), "{plan:?}");
            drop((agent, relay));
        }
    }
    no_panic(&world)
}
