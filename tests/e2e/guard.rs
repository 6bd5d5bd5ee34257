//! A technician's program that sends input regardless: nothing of it may reach the user's desktop.

use sightline_ends::content::{Button, Input};
use sightline_ends::seal::TECHNICIAN_INPUT;
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_tests::hostile::Hostile;
use sightline_tests::stage::{Stage, focus};
use sightline_tests::world::{Agent, SOON};

/// Moves, clicks and types.
const DEEDS: [Input; 6] = [
    Input::Pointer { x: 5, y: 5 },
    Input::Button {
        button: Button::Left,
        down: true,
    },
    Input::Button {
        button: Button::Left,
        down: false,
    },
    Input::Key {
        keysym: b'x' as u32,
        down: true,
    },
    Input::Key {
        keysym: b'x' as u32,
        down: false,
    },
    Input::Key {
        keysym: 0xff0d,
        down: true,
    },
];

fn both() -> Capabilities {
    Capabilities::of(&[Capability::View, Capability::Control])
}

/// A technician on the libraries, at the question.
fn at_the_question(stage: &mut Stage) -> anyhow::Result<(Agent, Hostile)> {
    let agent = stage.world.share(&stage.user, &[])?;
    let genuine = sightline::io::technician::read(&stage.world.technician_file())?;
    let claimed = Hostile::claim(genuine, &agent.code)?;
    let mut technician = claimed.map_err(anyhow::Error::from)?;
    let asked = technician.until_asked(&agent.code, both())?;
    asked.map_err(anyhow::Error::from)?;
    Ok((agent, technician))
}

/// What a desktop shows of hands.
#[derive(Debug, PartialEq)]
struct Untouched {
    pointer: (i32, i32),
    keys: Vec<u8>,
    held: u16,
    typed: String,
}

fn look(stage: &Stage) -> anyhow::Result<Untouched> {
    Ok(Untouched {
        pointer: stage.user.pointer()?,
        keys: stage.user.keys_down()?,
        held: stage.user.held()?.into(),
        typed: stage.pad.typed()?,
    })
}

#[test]
fn input_without_a_grant_is_dropped_and_logged() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut technician) = at_the_question(&mut stage)?;
    agent.answer("view")?;
    technician.until_begun()?.map_err(anyhow::Error::from)?;
    agent.terminal.events.wait("granted", SOON)?;
    focus(&stage.user, stage.pad.window)?;
    let before = look(&stage)?;
    for deed in &DEEDS {
        technician.input(deed)??;
    }
    for count in 1..=DEEDS.len() {
        let dropped = agent.terminal.events.wait("input_dropped", SOON)?;
        assert_eq!(dropped["count"], count);
    }
    assert_eq!(look(&stage)?, before);
    Ok(())
}

#[test]
fn before_consent_a_technician_cannot_even_open_a_lane() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut technician) = at_the_question(&mut stage)?;
    agent.terminal.events.wait("consent_asked", SOON)?;
    let before = look(&stage)?;
    assert!(technician.open_lane(TECHNICIAN_INPUT)?.is_none());
    assert_eq!(look(&stage)?, before);
    // Once the user agrees, the same technician goes on.
    agent.terminal.wait_shown("[y/N/list]", SOON)?;
    agent.terminal.type_line("y")?;
    technician.until_begun()?.map_err(anyhow::Error::from)?;
    technician.input(&Input::Pointer { x: 400, y: 300 })??;
    stage.user.until(SOON, "the allowed movement", |user| {
        Ok(user.pointer()? == (400, 300))
    })
}

#[test]
fn input_after_the_users_stop_does_nothing_however_much_of_it_comes() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (mut agent, mut technician) = at_the_question(&mut stage)?;
    agent.answer("y")?;
    technician.until_begun()?.map_err(anyhow::Error::from)?;
    agent.terminal.events.wait("granted", SOON)?;
    focus(&stage.user, stage.pad.window)?;
    technician.input(&Input::Pointer { x: 400, y: 300 })??;
    stage.user.until(SOON, "the allowed movement", |user| {
        Ok(user.pointer()? == (400, 300))
    })?;

    // A flood before, while and after the user stops it.
    let flood = |technician: &mut Hostile, from: i32| -> anyhow::Result<bool> {
        for n in 0..200 {
            let x = 500 + (from + n) % 100;
            if technician.input(&Input::Pointer { x, y: 200 })?.is_err() {
                return Ok(false);
            }
        }
        Ok(technician.input(&DEEDS[3])?.is_ok())
    };
    flood(&mut technician, 0)?;
    agent.terminal.signal(rustix::process::Signal::INT)?;
    for n in 1..20 {
        if !flood(&mut technician, 200 * n)? {
            break;
        }
    }
    assert_eq!(
        agent.ends(SOON)?,
        (0, "the user stopped the session".into())
    );
    let stopped = look(&stage)?;
    assert_eq!((stopped.keys.len(), stopped.held), (0, 0));
    let (code, _) = technician.listen_to_the_end(SOON)?;
    assert_eq!(code, CloseCode::StoppedByUser);
    flood(&mut technician, 0)?;
    assert_eq!(look(&stage)?, stopped);
    Ok(())
}
