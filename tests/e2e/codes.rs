//! Codes and credentials that do not open anything.

use std::path::PathBuf;

use sightline_ends::code::SessionCode;
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_tests::display::Display;
use sightline_tests::hostile::{Hostile, ending_in, reissue};
use sightline_tests::program::{Program, run};
use sightline_tests::stage::Stage;
use sightline_tests::world::{
    SOON, Setting, World, found_organisation, technician_file, viewer_ends,
};

/// Another code for the same nameplate, with a check digit that fits.
fn another_secret(code: &str) -> anyhow::Result<String> {
    let mut digits: Vec<u8> = code.bytes().filter(u8::is_ascii_digit).collect();
    digits[7] = b'0' + (digits[7] - b'0' + 1) % 10;
    for check in b'0'..=b'9' {
        digits[14] = check;
        let wrong = String::from_utf8(digits.clone())?;
        if SessionCode::parse(&wrong).is_ok() {
            return Ok(wrong);
        }
    }
    anyhow::bail!("no check digit fits")
}

fn control() -> Capabilities {
    Capabilities::of(&[Capability::View, Capability::Control])
}

/// The displays of a user and of a technician with nothing on them.
fn displays() -> anyhow::Result<(Display, Display)> {
    Ok((Display::bare(640, 480)?, Display::bare(640, 480)?))
}

#[test]
fn a_wrong_code_is_said_at_both_ends_and_the_third_ends_it() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let (user, technician) = displays()?;
    let mut agent = world.share(&user, &[])?;
    for guess in 1..=3 {
        let right = agent.code.clone();
        let mut viewer = world.connect(&technician, &another_secret(&right)?, &[])?;
        let reason = "the code was wrong and is spent now";
        assert_eq!(viewer_ends(&mut viewer, SOON)?, (12, reason.into()));
        if guess < 3 {
            assert_ne!(agent.next_code()?, right);
            // The right code is spent with it.
            let mut late = world.connect(&technician, &right, &[])?;
            assert_eq!(viewer_ends(&mut late, SOON)?.0, 14);
        } else {
            assert_eq!(agent.ends(SOON)?, (12, reason.into()));
        }
    }
    assert!(!agent.terminal.events.has("consent_asked"));
    assert_eq!(world.recordings()?.len(), 0);
    Ok(())
}

#[test]
fn a_typing_error_burns_no_code() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let (user, technician) = displays()?;
    let mut agent = world.share(&user, &[])?;
    let mut mistyped = agent.code.clone();
    let last = mistyped.pop().and_then(|c| c.to_digit(10)).unwrap_or(0);
    mistyped.push(char::from(b'0' + (last as u8 + 1) % 10));
    let mut viewer = world.connect(&technician, &mistyped, &[])?;
    assert_eq!(viewer.exit_code(SOON)?, 1);
    let code = agent.code.clone();
    let mut viewer = world.connect(&technician, &code, &[])?;
    agent.answer("n")?;
    assert_eq!(viewer_ends(&mut viewer, SOON)?.0, 10);
    Ok(())
}

#[test]
fn a_code_opens_one_session_only() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (agent, mut viewer) = stage.session()?;
    let mut second = stage.world.connect(&stage.technician, &agent.code, &[])?;
    let reason = "this code has been used already";
    assert_eq!(viewer_ends(&mut second, SOON)?, (14, reason.into()));
    stage.type_through("the first goes on")?;
    viewer.process.signal(rustix::process::Signal::INT)?;
    assert_eq!(viewer_ends(&mut viewer, SOON)?.0, 0);
    let mut third = stage.world.connect(&stage.technician, &agent.code, &[])?;
    assert_eq!(viewer_ends(&mut third, SOON)?.0, 14);
    Ok(())
}

#[test]
fn an_expired_code_opens_nothing_and_the_user_gets_a_new_one() -> anyhow::Result<()> {
    let lifetime = ("nameplate_lifetime_s".into(), "10".into());
    let mut world = World::with(Setting {
        relay_config: vec![lifetime],
        ..Setting::default()
    })?;
    let (user, technician) = displays()?;
    let mut agent = world.share(&user, &[])?;
    let expired = agent.code.clone();
    let fresh = agent.next_code()?;
    let mut late = world.connect(&technician, &expired, &[])?;
    let reason = "no computer waits under this code";
    assert_eq!(viewer_ends(&mut late, SOON)?, (13, reason.into()));
    let mut viewer = world.connect(&technician, &fresh, &[])?;
    agent.answer("n")?;
    assert_eq!(viewer_ends(&mut viewer, SOON)?.0, 10);
    Ok(())
}

#[test]
fn of_ten_technicians_with_one_code_exactly_one_gets_to_the_question() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let (user, display) = displays()?;
    let technicians = add_technicians(&world, 10)?;
    let mut agent = world.share(&user, &[])?;
    let code = agent.code.clone();
    let mut viewers = Vec::new();
    for file in &technicians {
        viewers.push(world.connect_as(file, &display, &code, &[])?);
    }
    agent.answer("n")?;
    let mut codes = Vec::new();
    for viewer in &mut viewers {
        codes.push(viewer_ends(viewer, SOON)?.0);
    }
    codes.sort_unstable();
    assert_eq!(codes, [[10].as_slice(), &[14; 9]].concat());
    let asked = |viewer: &mut Program| viewer.events.has("consent_asked");
    assert_eq!(
        viewers.iter_mut().map(asked).filter(|asked| *asked).count(),
        1
    );
    assert_eq!(agent.ends(SOON)?.0, 10);
    assert_eq!(agent.terminal.events.count("claimed"), 1);
    assert_eq!(agent.terminal.events.count("consent_asked"), 1);
    Ok(())
}

fn add_technicians(world: &World, count: usize) -> anyhow::Result<Vec<PathBuf>> {
    let org = world.folder().join("org");
    let mut files = Vec::new();
    for n in 0..count {
        let name = format!("Technician {n}");
        let words = [
            "org",
            "--dir",
            &org.display().to_string(),
            "technician",
            "add",
            &name,
            "--tier",
            "2",
        ];
        run("sightline", &words.map(std::ffi::OsStr::new))?;
        files.push(org.join("technicians").join(format!("{name}.technician")));
    }
    Ok(files)
}

#[test]
fn a_foreign_organisations_technician_is_refused_by_the_relay() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let (user, technician) = displays()?;
    found_organisation(world.folder(), "other", "Other Support", 2)?;
    let foreign = technician_file(world.folder(), "other");
    let mut agent = world.share(&user, &[])?;
    let code = agent.code.clone();
    let mut viewer = world.connect_as(&foreign, &technician, &code, &[])?;
    let reason = "the credential is of another organisation than the computer trusts";
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (17, reason.into()));
    // It did not even cost the code.
    let mut viewer = world.connect(&technician, &code, &[])?;
    agent.answer("n")?;
    assert_eq!(viewer_ends(&mut viewer, SOON)?.0, 10);
    assert_eq!(agent.terminal.events.count("claimed"), 1);
    Ok(())
}

#[test]
fn a_foreign_organisations_technician_is_refused_by_the_agent_before_any_question()
-> anyhow::Result<()> {
    let mut world = World::start()?;
    let (user, technician) = displays()?;
    found_organisation(world.folder(), "other", "Other Support", 2)?;
    let foreign = technician_file(world.folder(), "other");
    // A relay that lets foreign technicians in, as a hostile one would.
    let of = |name: &str| world.folder().join(name).join("org.bundle");
    std::fs::copy(of("other"), of("relay"))?;
    world.relay.process.signal(rustix::process::Signal::HUP)?;
    world.relay.events.wait("reloaded", SOON)?;
    let mut agent = world.share(&user, &[])?;
    let code = agent.code.clone();
    let mut viewer = world.connect_as(&foreign, &technician, &code, &[])?;
    assert_eq!(viewer_ends(&mut viewer, SOON)?.0, 17);
    assert!(
        viewer.events.has("code_right"),
        "refused for the credential, not for the code"
    );
    assert_eq!(agent.ends(SOON)?.0, 17);
    assert!(!agent.terminal.events.has("consent_asked"));
    Ok(())
}

#[test]
fn an_expired_credential_is_refused_by_the_program_and_by_the_relay() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let (user, technician) = displays()?;
    let agent = world.share(&user, &[])?;
    let org = world.folder().join("org");
    let expired = reissue(&world.technician_file(), &org, ending_in(-1_000))?;
    let refused = Hostile::claim(expired, &agent.code)?.err();
    assert_eq!(refused, Some(CloseCode::CredentialExpired));

    let expired = reissue(&world.technician_file(), &org, ending_in(-1_000))?;
    let file = world.folder().join("expired.technician");
    let (bundle, _) = sightline_program::files::read_bundle(&org.join("org.bundle"))?;
    sightline::io::technician::write(&file, &expired.key, &expired.signed, &bundle)?;
    let mut viewer = world.connect_as(&file, &technician, &agent.code, &[])?;
    let reason = "the credential has expired";
    assert_eq!(viewer_ends(&mut viewer, SOON)?, (16, reason.into()));
    Ok(())
}

#[test]
fn a_credential_that_expires_on_the_way_is_refused_by_the_agent() -> anyhow::Result<()> {
    let mut world = World::start()?;
    let (user, _) = displays()?;
    let mut agent = world.share(&user, &[])?;
    let org = world.folder().join("org");
    let short = reissue(&world.technician_file(), &org, ending_in(2_000))?;
    let expires_ms = short.credential.expires_ms;
    let code = agent.code.clone();
    let mut technician = Hostile::claim(short, &code)?.map_err(anyhow::Error::from)?;
    while sightline_program::clock::unix_ms() <= expires_ms {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let refused = technician.until_asked(&code, control())?;
    assert_eq!(refused, Err(CloseCode::CredentialExpired));
    assert_eq!(agent.ends(SOON)?.0, 16);
    assert!(!agent.terminal.events.has("consent_asked"));
    Ok(())
}
