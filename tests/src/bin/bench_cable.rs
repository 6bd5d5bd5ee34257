//! The same bad line for us and for others: files beside scp and tar, a terminal beside ssh and mosh, the picture beside
//! TigerVNC.
//!
//! `bench_cable [files|terminal|picture] [--presses N] [--megabytes N] [--small N]`. The line is made of two network namespaces
//! (`cable.rs`), which needs root and /dev/net/tun; without them it says so and measures nothing. The relay stands at the
//! user's end, so each of us crosses the line once.

use std::ffi::OsStr;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use sightline_tests::cable::{Cable, End};
use sightline_tests::glass::Glass;
use sightline_tests::measure::copying::{Copying, large_file, small_files};
use sightline_tests::measure::keys::{ECHO, type_on};
use sightline_tests::measure::line::{Echo, LINES, Line, Wanted};
use sightline_tests::measure::remote::Remote;
use sightline_tests::measure::stages::{Latency, Stage};
use sightline_tests::measure::{Chance, Samples, conclude, load, ms, option, print_table, usage};
use sightline_tests::{mosh, openssh};

/// As far away as another continent, by a radio link that loses some.
const FAR: Line = Line {
    name: "150 ms, 1 %, 50 Mbit/s",
    round_trip_ms: 150,
    varies_ms: 0,
    loss_per_mille: 10,
    bits: 50_000_000,
    wanted: Wanted {
        echo: Echo::Any,
        fresh: false,
    },
};
/// 150 ± 10 ms, 5 %, 2 Mbit/s.
const WORSE: &Line = &LINES[2];
/// Bytes of a small file.
const SMALL: usize = 4_096;
/// How TCP judges lines: Linux' own choice, and the one that does not mind losses.
const TCP: [&str; 2] = ["cubic", "bbr"];
/// How much more of a bad line than scp we want to use.
const TIMES_SCP: f64 = 3.0;
/// What an echo may take beyond mosh's, in milliseconds: one look at the screen and the noise of one run.
const NOISE_MS: f64 = 3.0;
const SSH_PORT: u16 = 2_222;
const MOSH_PORT: u16 = 60_001;
/// The same losses and the same keys in every run.
const SEED: u64 = 0x11e5;

fn main() -> anyhow::Result<()> {
    usage("bench_cable [files|terminal|picture] [--presses N] [--megabytes N] [--small N]")?;
    if let Some(why) = Cable::impossible() {
        println!("not measured: a line of our own cannot be made here: {why}");
        return Ok(());
    }
    let only = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    if wanted("files") {
        files(option("--megabytes", 8)?, option("--small", 200)?)?;
    }
    if wanted("terminal") {
        terminal(option("--presses", 250)? as usize)?;
    }
    if wanted("picture") {
        picture(option("--presses", 100)?)?;
    }
    Ok(())
}

fn lay(line: &Line) -> anyhow::Result<Cable> {
    let cable = Cable::lay(line.conditions(), SEED)?;
    let own = round_trips(&cable)?;
    let [half, most] = [50, 95].map(|percent| ms(own.percentile(percent)));
    println!(
        "{}: its own round trips {half} ms (p95 {most}); load {}",
        line.name,
        load()
    );
    Ok(cable)
}

/// The line's own, by small datagrams that find it empty.
fn round_trips(cable: &Cable) -> anyhow::Result<Samples> {
    let bind = |end: End| cable.at(end, || Ok(UdpSocket::bind((end.address(), 4_000))?));
    let (near, far) = (bind(End::Technician)?, bind(End::User)?);
    std::thread::spawn(move || {
        let mut buffer = [0; 100];
        // An empty one ends it.
        while let Ok((1.., from)) = far.recv_from(&mut buffer) {
            let _ = far.send_to(&buffer, from);
        }
    });
    near.connect((End::User.address(), 4_000))?;
    near.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut samples = Samples::default();
    for _ in 0..40 {
        let sent = Instant::now();
        near.send(&[0; 100])?;
        if near.recv(&mut [0; 100]).is_ok() {
            samples.add(sent.elapsed());
        }
    }
    for _ in 0..5 {
        near.send(&[])?; // one of them arrives
    }
    Ok(samples)
}

/// One way of copying.
struct Copied {
    name: String,
    send: Duration,
    fetch: Duration,
    small: Duration,
}

fn files(megabytes: u64, small: u64) -> anyhow::Result<()> {
    let cable = lay(&FAR)?;
    let folder = tempfile::tempdir()?;
    let folder = folder.path().canonicalize()?;
    let (large, many) = (folder.join("large"), folder.join("small"));
    large_file(&large, megabytes)?;
    small_files(&many, small, SMALL)?;
    let mut copying = Copying::begin(&folder.join("ours"), Some(&cable))?;
    let ours = Copied {
        name: "Sightline".into(),
        send: copying.send(&large)?,
        fetch: copying.fetch("large")?,
        small: copying.send(&many)?,
    };
    drop(copying);
    let mut all = vec![ours];
    let listen = || openssh::Server::start(&folder.join("ssh"), End::User.address(), SSH_PORT);
    let server = cable.at(End::User, listen)?;
    for tcp in TCP {
        if let Err(error) = cable.set_congestion_control(tcp) {
            println!("not measured: scp by {tcp}: {error:#}");
            continue;
        }
        let there = folder.join(tcp);
        fs::create_dir_all(there.join("back"))?;
        all.push(cable.at(End::Technician, || {
            scp(&server, tcp, &there, [&large, &many])
        })?);
    }
    let bytes = (megabytes << 20) as f64;
    let rate = |time: Duration| format!("{:.2} MB/s", bytes / 1e6 / time.as_secs_f64());
    let line = |copied: &Copied| {
        let small = format!("{:.1} s", copied.small.as_secs_f64());
        vec![
            copied.name.clone(),
            rate(copied.send),
            rate(copied.fetch),
            small,
        ]
    };
    print_table(
        &format!(
            "Files over {}: {megabytes} MiB; {small} small files",
            FAR.name
        ),
        &["", "send", "fetch", "small files"],
        &all.iter().map(line).collect::<Vec<_>>(),
    );
    let (ours, default) = (&all[0], all.get(1));
    if let Some(scp) = default {
        let times = |theirs: Duration, ours: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
        for (what, theirs, ours) in [
            ("send", scp.send, ours.send),
            ("fetch", scp.fetch, ours.fetch),
            ("small files", scp.small, ours.small),
        ] {
            let times = times(theirs, ours);
            conclude(
                &format!("files over {}: {what}, of scp's speed", FAR.name),
                &format!("{times:.1}×"),
                &format!("≥ {TIMES_SCP}×"),
                &format!("{}: {:.1} s", scp.name, theirs.as_secs_f64()),
                times >= TIMES_SCP,
            );
        }
    }
    Ok(())
}

fn scp(
    server: &openssh::Server,
    tcp: &str,
    there: &Path,
    [large, many]: [&Path; 2],
) -> anyhow::Result<Copied> {
    let timed = |work: &dyn Fn() -> anyhow::Result<()>| {
        let start = Instant::now();
        work()?;
        anyhow::Ok(start.elapsed())
    };
    Ok(Copied {
        name: format!("scp, TCP by {tcp}"),
        send: timed(&|| server.send(large, there))?,
        fetch: timed(&|| server.fetch(&there.join("large"), &there.join("back")))?,
        // As people do who know how slow scp is with them.
        small: timed(&|| server.send_by_tar(many, there))?,
    })
}

fn terminal(presses: usize) -> anyhow::Result<()> {
    let cable = lay(WORSE)?;
    let mut chance = Chance::new(SEED);
    let mut all = Vec::new();
    let remote = Remote::begin(Some(&cable), "shell")?;
    let mut glass = remote.glass(&["shell", "--", ECHO])?;
    all.push(("Sightline", type_on(&mut glass, presses, &mut chance)?));
    drop((glass, remote));

    let start = || mosh::Server::start(End::User.address(), MOSH_PORT, ECHO);
    let server = cable.at(End::User, start)?;
    let mut glass = cable.at(End::Technician, || server.connect())?;
    all.push((
        "mosh, no prediction",
        type_on(&mut glass, presses, &mut chance)?,
    ));
    drop((glass, server));

    let folder = tempfile::tempdir()?;
    let listen =
        || openssh::Server::start(&folder.path().join("ssh"), End::User.address(), SSH_PORT);
    let server = cable.at(End::User, listen)?;
    cable.set_congestion_control(TCP[0])?;
    let args = server.ssh(&["-tt"], ECHO);
    let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    let ssh = || Glass::program(Path::new("ssh"), &args, &[]);
    let mut glass = cable.at(End::Technician, ssh)?;
    all.push(("ssh", type_on(&mut glass, presses, &mut chance)?));

    let line = |(name, echo): &(&str, Samples)| {
        let cells = [50, 90, 95, 99, 100].map(|percent| ms(echo.percentile(percent)));
        [(*name).to_owned()].into_iter().chain(cells).collect()
    };
    print_table(
        &format!(
            "Key → echo over {}, {presses} keys at 8 a second, ms",
            WORSE.name
        ),
        &["", "p50", "p90", "p95", "p99", "max"],
        &all.iter().map(line).collect::<Vec<Vec<_>>>(),
    );
    for percent in [50, 95] {
        let [ours, mosh, ssh] = [0, 1, 2].map(|n: usize| all[n].1.percentile(percent));
        conclude(
            &format!("key → echo over {}, p{percent}", WORSE.name),
            &format!("{} ms", ms(ours)),
            &format!("{} ms", ms(mosh)),
            &format!("mosh {} ms, ssh {} ms", ms(mosh), ms(ssh)),
            ours.as_secs_f64() * 1e3 <= mosh.as_secs_f64() * 1e3 + NOISE_MS,
        );
    }
    Ok(())
}

fn picture(presses: u64) -> anyhow::Result<()> {
    let cable = lay(WORSE)?;
    cable.set_congestion_control(TCP[0])?;
    let mut all = Vec::new();
    type Open = fn(&Cable) -> anyhow::Result<Stage>;
    let cases: [(&str, Open); 2] = [
        ("Sightline", Stage::on_cable),
        ("TigerVNC, Xvnc", Stage::xvnc_on_cable),
    ];
    for (name, open) in cases {
        let mut latency = Latency::default();
        open(&cable)?.measure(presses, &mut Chance::new(SEED), &mut latency)?;
        all.push((name, latency));
    }
    let line = |(name, latency): &(&str, Latency)| {
        let cells = [50, 90, 95, 100].map(|percent| ms(latency.whole.percentile(percent)));
        [(*name).to_owned()].into_iter().chain(cells).collect()
    };
    print_table(
        &format!("Key → pixel over {}, {presses} keys, ms", WORSE.name),
        &["", "p50", "p90", "p95", "max"],
        &all.iter().map(line).collect::<Vec<Vec<_>>>(),
    );
    for percent in [50, 95] {
        let [ours, vnc] = [0, 1].map(|n: usize| all[n].1.whole.percentile(percent));
        conclude(
            &format!("key → pixel over {}, p{percent}", WORSE.name),
            &format!("{} ms", ms(ours)),
            &format!("{} ms", ms(vnc)),
            &format!("TigerVNC {} ms", ms(vnc)),
            ours <= vnc,
        );
    }
    Ok(())
}
