//! What the relay keeps: the ledger, the catalog, and what an operator does with recordings, with the real program.

mod support;

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use sightline_protocol::broker::{Over, ToRelay};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, SessionId};
use sightline_protocol::record::Class;
use support::{Relay, read_recording, record, soon};

/// One whole session with some records.
async fn session(relay: &Relay) -> SessionId {
    let mut joined = relay.begun().await;
    let opening = joined.opening(1, Class::Picture);
    let (mut to, _from) = joined.picture_lane().await.unwrap();
    for seq in 0..5 {
        let record = record(opening, Author::AGENT, seq, 1_000);
        soon("sending", to.send(record)).await.unwrap();
    }
    drop(to);
    let over = Over {
        session: joined.session,
        code: CloseCode::StoppedByUser.number(),
    };
    joined.agent.say(ToRelay::Over(over)).await;
    joined.technician.until_over(&relay.identity).await;
    relay.sealed(joined.session).await;
    joined.session
}

fn recordings(relay: &Relay, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sightline-relay"))
        .args(["recordings", "--config"])
        .arg(relay.directory.join("relay.toml"))
        .args(arguments)
        .output()
        .unwrap()
}

fn done(relay: &Relay, arguments: &[&str]) -> Vec<Value> {
    let output = recordings(relay, &[arguments, &["--json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(relay: &Relay, arguments: &[&str], code: i32, words: &str) {
    let output = recordings(relay, arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(words), "{arguments:?}: {errors}");
}

/// Everything that an operator can do, beside a running relay or without one.
async fn an_operators_day(mut relay: Relay, running: bool) {
    let (first, second) = (session(&relay).await, session(&relay).await);
    let size = relay.ledger().size;
    if !running {
        relay.kill();
    }
    let listed = done(&relay, &["ls"]);
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["session"], first.to_string());
    assert_eq!(
        (&listed[0]["records"], &listed[0]["close"]),
        (&5.into(), &2.into())
    );
    assert_eq!(listed[0]["technician_name"], "Tess");

    let id = first.to_string();
    let held = done(&relay, &["hold", &id[..8], "--why", "court order 7"]);
    assert_eq!(held[0]["hold"], "court order 7");
    refused(
        &relay,
        &["rm", &id, "--why", "asked for"],
        4,
        "on hold (court order 7)",
    );
    done(&relay, &["release", &id]);
    refused(&relay, &["rm", &id, "--why", " "], 2, "a reason");
    let file = relay.recording(first);
    done(&relay, &["rm", &id, "--why", "the user asked for it"]);
    assert!(!file.exists());
    refused(&relay, &["rm", &id, "--why", "again"], 3, "deleted already");
    refused(&relay, &["show", "ffff00"], 3, "no recording ffff00");
    let shown = done(&relay, &["show", &id]);
    assert_eq!(shown[0]["deleted_why"], "the user asked for it");
    assert_eq!(relay.ledger().size, size + 1);

    relay.restart();
    assert_eq!(done(&relay, &["ls"])[0], shown[0]);
    assert_eq!(
        done(&relay, &["show", &second.to_string()])[0]["ledger_index"],
        1
    );
}

#[tokio::test]
async fn recordings_are_listed_held_and_deleted_beside_a_running_relay() {
    an_operators_day(Relay::start("operator-beside"), true).await;
}

#[tokio::test]
async fn recordings_are_listed_held_and_deleted_without_a_relay() {
    an_operators_day(Relay::start("operator-alone"), false).await;
}

#[tokio::test]
async fn a_lost_or_damaged_catalog_is_made_anew_with_its_holds() {
    let mut relay = Relay::start("catalog");
    let (first, second) = (session(&relay).await, session(&relay).await);
    done(&relay, &["hold", &first.to_string(), "--why", "court"]);
    done(&relay, &["rm", &second.to_string(), "--why", "asked for"]);
    let before = done(&relay, &["ls"]);
    for damage in [None, Some(vec![7_u8; 10_000])] {
        relay.kill();
        for file in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
            let _ = fs::remove_file(relay.data.join(file));
        }
        if let Some(bytes) = damage {
            fs::write(relay.data.join("catalog.db"), bytes).unwrap();
        }
        relay.restart();
        let mut expected = before.clone();
        // What only the deleted recording's manifest said is gone with it.
        expected[1]["technician_name"] = "".into();
        assert_eq!(done(&relay, &["ls"]), expected);
    }
}

#[tokio::test]
async fn old_recordings_go_by_themselves_and_what_is_on_hold_stays() {
    let mut relay = Relay::start("retention");
    let (first, second) = (session(&relay).await, session(&relay).await);
    done(&relay, &["hold", &first.to_string(), "--why", "court"]);
    assert!(done(&relay, &["prune"]).is_empty());
    relay.kill();
    let config = relay.directory.join("relay.toml");
    let text = fs::read_to_string(&config).unwrap() + "\n[retention]\nkeep_days = 0\n";
    fs::write(&config, text).unwrap();
    relay.restart();
    let line = relay.line("deleted");
    assert_eq!(line["session"], second.to_string());
    assert!(line["why"].as_str().unwrap().contains("keep_days"));
    assert!(relay.recording(first).exists());
    assert_eq!(relay.ledger().size, 3);
}

/// A deletion that was cut off between the ledger and the disk is finished; a session that is sealed and not in the
/// ledger is added.
#[tokio::test]
async fn what_was_cut_off_is_finished_at_the_next_start() {
    let mut relay = Relay::start("cut-off");
    let id = session(&relay).await;
    let path = relay.recording(id);
    let bytes = fs::read(&path).unwrap();
    done(&relay, &["rm", &id.to_string(), "--why", "asked for"]);
    relay.kill();
    fs::write(&path, &bytes).unwrap();
    relay.restart();
    assert!(!path.exists());

    // An older relay's recording, without a proof, on a ledger of its own.
    relay.kill();
    fs::remove_dir_all(relay.data.join("ledger")).unwrap();
    let entry = {
        fs::write(&path, &bytes).unwrap();
        read_recording(&path).entry(&relay.identity)
    };
    fs::write(&path, &bytes[..entry.bytes as usize]).unwrap();
    relay.restart();
    let held = read_recording(&path);
    assert_eq!(
        (held.entry(&relay.identity).records, held.close),
        (5, Some(CloseCode::StoppedByUser))
    );
    assert_eq!(relay.ledger().size, 1);
}

#[tokio::test]
async fn two_relays_cannot_write_one_ledger() {
    let relay = Relay::start("two-relays");
    let second = Command::new(env!("CARGO_BIN_EXE_sightline-relay"))
        .args(["serve", "--config"])
        .arg(relay.directory.join("relay.toml"))
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(words.contains("another relay"), "{words}");
}

/// Kills the relay at moments drawn from a seed, in the middle of sessions, while they begin and while they close.
/// `SIGHTLINE_KILLS` asks for more of them.
#[tokio::test]
async fn whatever_was_receipted_survives_a_relay_that_is_killed_at_any_moment() {
    let kills = std::env::var("SIGHTLINE_KILLS")
        .ok()
        .and_then(|n| n.parse().ok());
    let mut relay = Relay::start("kills");
    let mut random = 0x5eed_u64;
    let mut below = |bound: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % bound
    };
    let mut before = relay.ledger();
    for kill in 0..kills.unwrap_or(20) {
        let mut joined = relay.begun().await;
        let opening = joined.opening(1, Class::Picture);
        let (mut to, _from) = joined.picture_lane().await.unwrap();
        let (count, length) = (1 + below(60), 100 + below(30_000) as usize);
        for seq in 0..count {
            let record = record(opening, Author::AGENT, seq, length);
            soon("sending", to.send(record)).await.unwrap();
        }
        // A third dies while the session is being closed.
        if below(3) == 0 {
            drop(to);
            let over = Over {
                session: joined.session,
                code: CloseCode::Finished.number(),
            };
            joined.agent.say(ToRelay::Over(over)).await;
            tokio::time::sleep(Duration::from_micros(below(60_000))).await;
        } else {
            tokio::time::sleep(Duration::from_millis(below(600))).await;
        }
        relay.kill();
        let receipted = joined.agent.receipts_until_lost(&relay.identity).await;
        relay.restart();

        let held = read_recording(&relay.recording(joined.session));
        assert!(
            held.records.len() as u64 >= receipted,
            "kill {kill}: {receipted} receipted"
        );
        for (seq, bytes) in (0..).zip(&held.records) {
            assert!(
                record(opening, Author::AGENT, seq, length) == bytes[..],
                "kill {kill}, record {seq}"
            );
        }
        let entry = held.entry(&relay.identity);
        assert_eq!(
            (entry.session, entry.records),
            (joined.session, held.records.len() as u64)
        );
        assert_eq!(
            entry.close,
            held.close.map_or(0, CloseCode::number),
            "kill {kill}"
        );
        relay.grew(&before, kill);
        before = relay.ledger();
        assert_eq!(before.size, kill + 1, "each session once");
    }
    let id = session(&relay).await;
    let held = read_recording(&relay.recording(id));
    assert_eq!(held.close, Some(CloseCode::StoppedByUser));
}
