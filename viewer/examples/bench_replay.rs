//! How fast a long recording opens, is sought and is played: `bench_replay [--hours N]`, 8 if not said.
//!
//! The recording is made by the real encoder, sealer and writer. Its minutes are alike: half a minute of scrolling 1080p text at
//! 30 updates a second, then, by turns, typing (6 keys a second, each with its pixels) and pauses; a whole picture as the agent sends them,
//! as the agent makes them. It is removed at the end.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sightline::io::recording::Recording;
use sightline::io::reel::Reel;
use sightline::pure::stage::Stage;
use sightline_ends::content::{Input, Layout};
use sightline_ends::keys::{AuditorKey, ClassKeys};
use sightline_ends::seal::{AGENT_PICTURE, Sealer, TECHNICIAN_INPUT};
use sightline_ends::session::{seal_start, seal_update};
use sightline_picture::{Encoder, Kind as Update, Rect, Starts};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Digest, SessionId};
use sightline_protocol::record::Class;
use sightline_protocol::recording::{Kind, SealedManifest, head, write_entry};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{
    Auditor, Consent, ConsentSeen, Credential, Manifest, ManifestSeen, OrgBundle, Participant,
    RelayIdentity, Tier,
};
use sightline_protocol::wire;

const SESSION: SessionId = SessionId([7; 16]);
/// 2027-01-15 08:00 UTC.
const START_MS: u64 = 1_800_000_000_000;
const SCREEN: (u32, u32) = (1920, 1080);
const SECOND: u64 = 1_000_000;
/// Length of the part that is encoded once and then sealed again and again, in seconds.
const MINUTE: u64 = 60;
/// Updates a second while the text scrolls.
const RATE: u64 = 30;
/// Seeks that are timed.
const SEEKS: u32 = 400;
/// What a seek may take: a tenth of a second feels like at once.
const SEEK_TARGET: Duration = Duration::from_millis(100);
/// How much of the recording is played at 16×: the scrolling of two minutes.
const PLAYED: Duration = Duration::from_secs(128);

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let hours: u64 = match (words.next().as_deref(), words.next()) {
        (Some("--hours"), Some(number)) => number.parse().context("--hours takes a number")?,
        _ => 8,
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("long.slrec");
    let keys = ClassKeys::derive(SESSION, 0, &[9; 32].into(), &[8; 32]);
    let (bundle, manifest) = manifest(&keys)?;
    let minute = Minute::encode()?;
    let updates = record(&path, &keys, &manifest, &minute, hours)?;
    println!(
        "A recording of {hours} h: {} MB, {updates} updates of {} bytes in the mean",
        path.metadata()?.len() / 1_000_000,
        minute.bytes() / minute.updates(),
    );
    let cache = folder.path().join("cache");
    opens(&path, &bundle, &cache)?;
    let mut reel = Reel::new(Recording::open(&path, &bundle, Some(cache))?, &auditor())?;
    seeks(&mut reel)?;
    plays(&mut reel, &minute)
}

fn opens(path: &Path, bundle: &OrgBundle, cache: &Path) -> anyhow::Result<()> {
    for name in ["without its index", "with its index"] {
        let began = Instant::now();
        let recording = Recording::open(path, bundle, Some(cache.to_owned()))?;
        let (took, records) = (began.elapsed(), recording.index.records);
        println!("opens {name}: {took:.1?}, {records} records");
    }
    Ok(())
}

/// To moments spread over all of the recording, until their picture is ready.
fn seeks(reel: &mut Reel) -> anyhow::Result<()> {
    let length = reel.recording.index.length();
    let mut stage = Stage::new();
    let mut times = Vec::new();
    for n in 1..=SEEKS {
        let place = f64::from(n.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX);
        let target = length.mul_f64(place);
        let began = Instant::now();
        reel.seek(target)?;
        reel.play_to(target, &mut stage, &mut |_, _, _| {});
        times.push((began.elapsed(), target));
        ensure!(reel.broken.is_none(), "{:?}", reel.broken);
    }
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].0;
    let within = times.iter().filter(|time| time.0 <= SEEK_TARGET).count();
    println!(
        "seeks: p50 {:.1?}, p95 {:.1?}, max {:.1?}; {within} of {SEEKS} within {SEEK_TARGET:?}",
        at(50),
        at(95),
        at(100),
    );
    Ok(())
}

/// As the window does at 16×, sixty steps a second: is every update decoded, and in the time that there is?
fn plays(reel: &mut Reel, minute: &Minute) -> anyhow::Result<()> {
    let mut stage = Stage::new();
    reel.seek(Duration::ZERO)?;
    let before = reel.updates;
    let steps = PLAYED.as_secs() * 60 / 16;
    let (mut late, mut busy) = (0, Duration::ZERO);
    for step in 1..=steps {
        let began = Instant::now();
        let target = PLAYED.mul_f64(step as f64 / steps as f64);
        reel.play_to(target, &mut stage, &mut |_, _, _| {});
        let took = began.elapsed();
        busy += took;
        late += u64::from(took > Duration::from_secs(1) / 60);
    }
    ensure!(reel.broken.is_none(), "{:?}", reel.broken);
    let decoded = reel.updates - before;
    let due = minute.updates_until(PLAYED);
    println!(
        "16 times as fast: {decoded} updates decoded of {due}, dropped {}; {:.2?} of {:?} busy, {late} of {steps} steps late",
        due.saturating_sub(decoded),
        busy,
        PLAYED / 16,
    );
    ensure!(decoded == due, "updates were dropped");
    Ok(())
}

/// What happens in a minute.
struct Minute(Vec<(u64, Moment)>);

enum Moment {
    /// The layout, before a whole picture.
    Start,
    Update(Vec<u8>),
    Key,
}

impl Minute {
    fn encode() -> anyhow::Result<Minute> {
        let mut encoder = Encoder::new(SCREEN.0, SCREEN.1)?;
        let mut moments = Vec::new();
        let mut starts = Starts::default();
        for second in 0..MINUTE {
            for tick in 0..RATE {
                let at = second * SECOND + tick * SECOND / RATE;
                let whole = second % 30 == 0 && tick == 0 || starts.due();
                let typing = second >= 30 && second % 10 < 5 && tick % 5 == 0;
                if second < 30 {
                    scroll(&mut encoder, (second * RATE + tick) as u32);
                } else if typing {
                    moments.push((at, Moment::Key));
                    letter(&mut encoder, (second * 6 + tick / 5) as u32);
                }
                let kind = if whole { Update::Whole } else { Update::Delta };
                let mut update = Vec::new();
                if whole {
                    moments.push((at, Moment::Start));
                }
                if (whole || encoder.pending()) && encoder.encode(kind, &mut update) {
                    starts.sent(kind, update.len());
                    moments.push((at, Moment::Update(update)));
                }
            }
        }
        Ok(Minute(moments))
    }

    fn sizes(&self) -> impl Iterator<Item = (u64, usize)> {
        self.0.iter().filter_map(|(at, moment)| match moment {
            Moment::Update(bytes) => Some((*at, bytes.len())),
            _ => None,
        })
    }

    fn updates(&self) -> u64 {
        self.sizes().count() as u64
    }

    fn bytes(&self) -> u64 {
        self.sizes().map(|(_, bytes)| bytes as u64).sum()
    }

    fn updates_until(&self, end: Duration) -> u64 {
        let minutes = end.as_secs() / MINUTE;
        let rest = (end - Duration::from_secs(minutes * MINUTE)).as_micros() as u64;
        minutes * self.updates() + self.sizes().filter(|(at, _)| *at <= rest).count() as u64
    }
}

/// Three lines further in made-up text, 18 pixels a line.
fn scroll(encoder: &mut Encoder, step: u32) {
    let (width, height) = SCREEN;
    let dot = |x: u32, y: u32| {
        let (line, inside) = (step * 3 + y / 18, y % 18);
        let mixed = line.wrapping_mul(31) ^ (x / 9).wrapping_mul(0x9e37);
        let letter = mixed.wrapping_mul(2_654_435_761) >> 8;
        let stroke = (letter >> ((x % 9) / 2 * 4 + inside / 4)) & 1 == 1;
        let ink = inside > 3 && x % 9 < 7 && !letter.is_multiple_of(5) && stroke;
        if ink { 0x0018_1c22 } else { 0x00ff_ffff }
    };
    let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels: Vec<u32> = rows.map(|(x, y)| dot(x, y)).collect();
    let (x, y) = (0, 0);
    encoder.patch(
        Rect {
            x,
            y,
            width,
            height,
        },
        &pixels,
    );
}

/// One letter's box in a line, in a colour of its own so that it is a change.
fn letter(encoder: &mut Encoder, number: u32) {
    let area = Rect {
        x: number % 200 * 9,
        y: 500,
        width: 8,
        height: 14,
    };
    encoder.patch(area, &[0x0020_4060 + number; 8 * 14]);
}

/// Writes the recording; returns the number of its updates.
fn record(
    path: &Path,
    keys: &ClassKeys,
    manifest: &SealedManifest,
    minute: &Minute,
    hours: u64,
) -> anyhow::Result<u64> {
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(&head(SESSION))?;
    write_entry(&mut out, Kind::Manifest, &wire::encode(manifest))?;
    let mut picture = Sealer::new(keys, AGENT_PICTURE, 0).context("no key")?;
    let mut input = Sealer::new(keys, TECHNICIAN_INPUT, 0).context("no key")?;
    let layout = Layout {
        width: SCREEN.0,
        height: SCREEN.1,
        monitors: vec![],
    };
    let key = wire::encode(&Input::Key {
        keysym: 0x61,
        down: true,
    });
    let mut frame = 0;
    for number in 0..hours * 3600 / MINUTE {
        for (at, moment) in &minute.0 {
            let at = number * MINUTE * SECOND + at;
            let records = match moment {
                Moment::Start => vec![seal_start(&mut picture, &layout, at)],
                Moment::Key => vec![input.seal(&key, 0, at)],
                Moment::Update(update) => {
                    frame += 1;
                    seal_update(&mut picture, frame - 1, update, at)
                }
            };
            for record in records {
                write_entry(&mut out, Kind::Record, &record)?;
            }
        }
    }
    let close = wire::encode(&CloseCode::Finished.number());
    write_entry(&mut out, Kind::Close, &close)?;
    out.flush()?;
    Ok(frame)
}

fn auditor() -> AuditorKey {
    AuditorKey::from_seed(&[4; 32])
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn bundle(control: Capabilities) -> OrgBundle {
    OrgBundle {
        serial: 1,
        organisation: "Example".into(),
        root: key(1).public(),
        issuer: key(2).public(),
        relay: RelayIdentity {
            address: "127.0.0.1:1".into(),
            certificate: Digest([0; 32]),
            receipt_key: key(3).public(),
        },
        auditors: vec![Auditor {
            name: "Ada".into(),
            key: auditor().public(),
            classes: Class::USUAL.to_vec(),
        }],
        tiers: vec![Tier {
            number: 1,
            name: "support".into(),
            capabilities: control,
        }],
        issued_ms: START_MS,
    }
}

fn manifest(keys: &ClassKeys) -> anyhow::Result<(OrgBundle, SealedManifest)> {
    let (agent, technician) = (key(100), key(101));
    let control = Capabilities::of(&[Capability::View, Capability::Control]);
    let bundle = bundle(control);
    let credential = Credential {
        technician: technician.public(),
        name: "Tess Technician".into(),
        organisation: "Example".into(),
        tier: 1,
        issued_ms: START_MS,
        expires_ms: START_MS + 3_600_000,
    };
    let credential = Signed::sign(&credential, &key(2));
    let consent = Consent {
        session: SESSION,
        agent: agent.public(),
        technician: technician.public(),
        credential: credential.digest(),
        asked: control,
        granted: control,
        reason: String::new(),
        ticket: String::new(),
        text: "Tess Technician of Example asks to see and control.".into(),
        asked_ms: START_MS,
        answered_ms: START_MS,
        until_ms: START_MS + 36_000_000,
    };
    let consent = Signed::sign(&consent, &agent);
    let consent_seen = ConsentSeen {
        consent: consent.digest(),
    };
    let manifest = Manifest {
        session: SESSION,
        number: 1,
        previous: None,
        bundle: Signed::sign(&bundle, &key(1)),
        agent: agent.public(),
        technicians: vec![Participant {
            author: Author::FIRST_TECHNICIAN,
            key: technician.public(),
            credential,
        }],
        consent_seen: Signed::sign(&consent_seen, &technician),
        consent,
        started_ms: START_MS,
        keys: keys.publish(&bundle.auditors)?,
    };
    let manifest = Signed::sign(&manifest, &agent);
    let seen = ManifestSeen {
        manifest: manifest.digest(),
    };
    let seen = Signed::sign(&seen, &technician);
    Ok((bundle, SealedManifest { manifest, seen }))
}
