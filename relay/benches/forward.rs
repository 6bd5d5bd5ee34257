//! What forwarding and recording cost: CPU seconds of the real relay process per Gbit of records, and Gbit/s, with
//! 1, 4 and 50 sessions over loopback; beside coturn, and the floor of ciphers and copies alone, in the same run.
//!
//! `cargo bench -p sightline-relay --bench forward [-- SESSIONS…]`; `--profile` adds `perf` by kernel and user
//! symbol. The ends run in this process: its CPU is not counted, but on a small machine it competes.

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sightline_link::Bytes;
use sightline_protocol::id::Author;
use sightline_protocol::record::{Class, HEADER};
use support::{Joined, Relay, record};
use tokio::sync::watch;

/// Ciphertext of a record: about what a busy screen gives.
const RECORD: usize = 64_000;
/// How far a sender runs ahead of its reader, in records: 2 MB, as an agent's pacing would.
const AHEAD: u64 = 32;
/// How long each case is measured, after a warm-up.
const MEASURE: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_secs(1);

struct Row {
    what: String,
    gbit: f64,
    seconds: f64,
    user_s: f64,
    system_s: f64,
}

impl Row {
    fn print(&self) {
        let per = |s: f64| s / self.gbit;
        println!(
            "{:<34} {:>7.3} {:>9.3} {:>9.3} {:>9.3} {:>8.2}",
            self.what,
            self.gbit,
            per(self.user_s + self.system_s),
            per(self.user_s),
            per(self.system_s),
            self.gbit / self.seconds
        );
    }
}

/// User and system CPU seconds of a process, its threads included.
fn cpu(pid: u32) -> (f64, f64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let field = |n: usize| {
        after_name
            .split_whitespace()
            .nth(n)
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    // Fields 14 and 15 of proc(5), in ticks of 10 ms.
    (field(11) / 100.0, field(12) / 100.0)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let profile = arguments.iter().any(|a| a == "--profile");
    let mut sessions: Vec<usize> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    if sessions.is_empty() {
        sessions = vec![1, 4, 50];
    }
    println!(
        "{:<34} {:>7} {:>9} {:>9} {:>9} {:>8}",
        "records of 64 KB", "Gbit", "CPU s/Gb", "user", "system", "Gbit/s"
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for count in sessions {
        runtime.block_on(relay(count, profile)).print();
    }
    runtime.block_on(idle());
    if let Some(row) = coturn() {
        row.print();
    }
    for row in floors() {
        row.print();
    }
}

/// Runs `count` sessions flat out and measures the relay.
async fn relay(count: usize, profile: bool) -> Row {
    let relay = Relay::start_with(
        &format!("bench-{count}"),
        None,
        "max_connections_per_address = 1000",
    );
    let stop = Arc::new(AtomicBool::new(false));
    let (read, _) = watch::channel(0_u64);
    let read = Arc::new(read);
    let mut ends = Vec::new();
    for _ in 0..count {
        let joined = relay.begun().await;
        ends.push(tokio::spawn(session(joined, stop.clone(), read.clone())));
    }
    tokio::time::sleep(WARM_UP).await;
    let pid = relay.child.id();
    let perf = profile.then(|| start_perf(pid));
    let (user, system) = cpu(pid);
    let (from, begun) = (*read.borrow(), Instant::now());
    tokio::time::sleep(MEASURE).await;
    let (user_after, system_after) = cpu(pid);
    let (to, seconds) = (*read.borrow(), begun.elapsed().as_secs_f64());
    stop.store(true, Ordering::Relaxed);
    if let Some(perf) = perf {
        end_perf(perf);
    }
    for end in ends {
        let _ = end.await;
    }
    Row {
        what: format!("relay, {count} sessions, recorded"),
        gbit: (to - from) as f64 * 8e-9,
        seconds,
        user_s: user_after - user,
        system_s: system_after - system,
    }
}

/// Sessions in which nothing happens: what keep-alives and clocks cost.
async fn idle() {
    const SESSIONS: u32 = 10;
    const LONG: Duration = Duration::from_secs(20);
    let relay = Relay::start("bench-idle");
    let mut ends = Vec::new();
    for _ in 0..SESSIONS {
        ends.push(relay.begun().await);
    }
    tokio::time::sleep(WARM_UP).await;
    let (user, system) = cpu(relay.child.id());
    tokio::time::sleep(LONG).await;
    let (user_after, system_after) = cpu(relay.child.id());
    let share = (user_after + system_after - user - system) / LONG.as_secs_f64() * 100.0;
    println!("relay, {SESSIONS} idle sessions: {share:.2} % of a core (± 0.05)");
}

async fn session(mut joined: Joined, stop: Arc<AtomicBool>, total: Arc<watch::Sender<u64>>) {
    let opening = joined.opening(1, Class::Picture);
    let (mut to, mut from) = joined.picture_lane().await.unwrap();
    let template = record(opening, Author::AGENT, 0, RECORD);
    let (read, mut reads) = watch::channel(0_u64);
    let reading = tokio::spawn(async move {
        while let Ok(Some(record)) = from.next_record().await {
            total.send_modify(|total| *total += record.bytes.len() as u64);
            read.send_modify(|read| *read += 1);
        }
    });
    let mut seq = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        if reads.wait_for(|read| *read + AHEAD > seq).await.is_err() {
            break;
        }
        let mut bytes = template.to_vec();
        bytes[16..24].copy_from_slice(&seq.to_le_bytes());
        assert!(bytes.len() == HEADER + RECORD);
        if to.send(Bytes::from(bytes)).await.is_err() {
            break;
        }
        seq += 1;
    }
    drop(joined);
    let _ = reading.await;
}

fn start_perf(pid: u32) -> Child {
    Command::new("perf")
        .args([
            "record",
            "-q",
            "-F",
            "999",
            "-g",
            "-o",
            "/tmp/sightline-perf.data",
            "-p",
        ])
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .spawn()
        .expect("perf is installed")
}

fn end_perf(mut perf: Child) {
    let _ = Command::new("kill")
        .args(["-INT", &perf.id().to_string()])
        .status();
    let _ = perf.wait();
    let report = Command::new("perf")
        .args([
            "report",
            "-i",
            "/tmp/sightline-perf.data",
            "--no-children",
            "-g",
            "none",
        ])
        .args(["--percent-limit", "0.7", "--stdio", "--sort", "symbol"])
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&report.stdout));
}

/// The same bytes through coturn (UDP, 1,200 byte messages, echoed by its own peer): no encryption, no recording.
fn coturn() -> Option<Row> {
    const CLIENTS: u32 = 20;
    const MESSAGES: u32 = 6_000;
    const LENGTH: u32 = 1_200;
    let quiet = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn()
    };
    let directory = support::scratch("bench-coturn");
    let database = directory.join("turndb").display().to_string();
    let log = directory.join("log").display().to_string();
    let mut server = quiet(
        "turnserver",
        &[
            "-n",
            "-L",
            "127.0.0.1",
            "-p",
            "34780",
            "--no-auth",
            "--no-tls",
            "--no-dtls",
            "--no-cli",
            "--allow-loopback-peers",
            "-l",
            &log,
            "-b",
            &database,
            "--pidfile",
            "/dev/null",
        ],
    )
    .ok()?;
    let peer = quiet("turnutils_peer", &["-L", "127.0.0.1", "-p", "34800"]);
    std::thread::sleep(Duration::from_secs(1));
    let (user, system) = cpu(server.id());
    let begun = Instant::now();
    let load = Command::new("turnutils_uclient")
        .args([
            "-e",
            "127.0.0.1",
            "-r",
            "34800",
            "-p",
            "34780",
            "-c",
            "-z",
            "1",
        ])
        .args(["-m", &CLIENTS.to_string(), "-n", &MESSAGES.to_string()])
        .args(["-l", &LENGTH.to_string(), "127.0.0.1"])
        .output();
    let seconds = begun.elapsed().as_secs_f64();
    let (user_after, system_after) = cpu(server.id());
    for child in [Some(&mut server), peer.ok().as_mut()]
        .into_iter()
        .flatten()
    {
        let _ = child.kill();
        let _ = child.wait();
    }
    let text = String::from_utf8_lossy(&load.ok()?.stdout).into_owned();
    // "tot_send_bytes ~ N, tot_recv_bytes ~ M", last one counts; both directions pass the server once
    let number = |label: &str| {
        let at = text.rfind(label)? + label.len();
        text[at..]
            .split_whitespace()
            .find_map(|word| word.trim_end_matches(',').parse::<f64>().ok())
    };
    let bytes = number("tot_send_bytes")? + number("tot_recv_bytes")?;
    Some(Row {
        what: "coturn, UDP, plain, not recorded".into(),
        gbit: bytes * 8e-9,
        seconds,
        user_s: user_after - user,
        system_s: system_after - system,
    })
}

/// What no relay can save: open and seal each packet once, check and copy each record.
fn floors() -> Vec<Row> {
    const PACKET: usize = 1_400;
    const TOTAL: usize = 500_000_000;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).unwrap());
    let nonce = || Nonce::assume_unique_for_key([0; 12]);
    let mut packet = vec![7_u8; PACKET];
    let ciphers = timed("floor: AES-128-GCM, open + seal", TOTAL, PACKET, || {
        let tag = key
            .seal_in_place_separate_tag(nonce(), Aad::empty(), &mut packet[..])
            .unwrap();
        packet.extend_from_slice(tag.as_ref());
        key.open_in_place(nonce(), Aad::empty(), &mut packet)
            .unwrap();
        packet.truncate(PACKET);
    });
    let (source, mut target) = (vec![7_u8; RECORD], vec![0_u8; RECORD]);
    let copy = timed("floor: one copy", TOTAL, RECORD, || {
        target.copy_from_slice(std::hint::black_box(&source));
        std::hint::black_box(&mut target);
    });
    let check = timed("floor: CRC-32", TOTAL, RECORD, || {
        let head = sightline_protocol::recording::entry_head(
            sightline_protocol::recording::Kind::Record,
            &[&source],
        );
        std::hint::black_box(head);
    });
    vec![ciphers, copy, check]
}

fn timed(what: &str, total: usize, step: usize, mut work: impl FnMut()) -> Row {
    let begun = Instant::now();
    for _ in 0..total / step {
        work();
    }
    let seconds = begun.elapsed().as_secs_f64();
    Row {
        what: what.into(),
        gbit: total as f64 * 8e-9,
        seconds,
        user_s: seconds,
        system_s: 0.0,
    }
}
