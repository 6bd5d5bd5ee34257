//! How fast files go over on the loopback, beside scp: one large file, and a hundred thousand small ones.
//!
//! `bench_files [--megabytes N] [--small N]`. Each is timed from the command's start to its end, with the session (and sshd)
//! running already. What the numbers hold that scp's and tar's do not: each byte is recorded by the relay, and the disk has it
//! before the command ends.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sightline_tests::measure::copying::{Copying, large_file, small_files};
use sightline_tests::measure::{conclude, load, option, print_table, usage};
use sightline_tests::openssh::Server;
use sightline_tests::world::free_address;

/// Bytes of a small file.
const SMALL: usize = 4_096;
/// What a program may need for it, in bytes: not more for more files.
const MEMORY: u64 = 150 << 20;

/// What was copied, and how long it took each.
struct Row {
    what: &'static str,
    bytes: u64,
    send: Duration,
    fetch: Duration,
    scp: Option<Duration>,
    tar: Option<Duration>,
}

fn main() -> anyhow::Result<()> {
    usage("bench_files [--megabytes N] [--small N]")?;
    let megabytes = option("--megabytes", 512)?;
    let small = option("--small", 100_000)?;
    let folder = tempfile::tempdir()?;
    let folder = folder.path().canonicalize()?;
    let (large, many) = (folder.join("large"), folder.join("small"));
    large_file(&large, megabytes)?;
    small_files(&many, small, SMALL)?;
    let mut copying = Copying::begin(&folder.join("ours"), None)?;
    let server = match listen(&folder) {
        Ok(server) => Some(server),
        Err(error) => {
            eprintln!("no scp beside: {error:#}");
            None
        }
    };
    let theirs = folder.join("theirs");
    fs::create_dir(&theirs)?;
    let mut rows = Vec::new();
    let all = [
        ("one large file", &large, megabytes << 20),
        ("many small files", &many, small * SMALL as u64),
    ];
    for (what, path, bytes) in all {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let server = server.as_ref();
        rows.push(Row {
            what,
            bytes,
            send: copying.send(path)?,
            fetch: copying.fetch(&name)?,
            scp: server
                .map(|s| timed(&theirs, || s.send(path, &theirs)))
                .transpose()?,
            tar: server
                .filter(|_| path.is_dir())
                .map(|s| timed(&theirs, || s.send_by_tar(path, &theirs)))
                .transpose()?,
        });
    }
    let title = format!(
        "{megabytes} MiB; {small} files of {SMALL} bytes; load {}",
        load()
    );
    report(&title, &rows);
    let memory = copying.session.memory()?;
    let [agent, holder, relay] = memory.map(|bytes| format!("{} MB", bytes / 1_000_000));
    conclude(
        "files: memory, the largest of agent, sightline and relay",
        &format!("{agent}, {holder}, {relay}"),
        &format!("{} MB", MEMORY / 1_000_000),
        "",
        memory.iter().all(|bytes| *bytes <= MEMORY),
    );
    Ok(())
}

fn listen(folder: &Path) -> anyhow::Result<Server> {
    let address = free_address()?;
    let port = address.rsplit(':').next().unwrap_or_default().parse()?;
    Server::start(&folder.join("ssh"), "127.0.0.1", port)
}

/// How long it takes; what it put there goes again.
fn timed(there: &Path, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    work()?;
    let took = start.elapsed();
    fs::remove_dir_all(there)?;
    fs::create_dir(there)?;
    Ok(took)
}

fn report(title: &str, rows: &[Row]) {
    let cell = |time: Option<Duration>, bytes: u64| {
        time.map_or("–".into(), |time| {
            let seconds = time.as_secs_f64();
            format!("{seconds:.1} s, {:.0} MB/s", bytes as f64 / 1e6 / seconds)
        })
    };
    let line = |row: &Row| {
        let times = [Some(row.send), Some(row.fetch), row.scp, row.tar];
        let cells = times.into_iter().map(|time| cell(time, row.bytes));
        [row.what.to_owned()].into_iter().chain(cells).collect()
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    print_table(title, &["", "send", "fetch", "scp", "tar | ssh"], &lines);
    for row in rows {
        let slower = row.send.max(row.fetch).as_secs_f64();
        for (name, theirs) in [("scp", row.scp), ("tar | ssh", row.tar)] {
            let Some(theirs) = theirs else { continue };
            let times = theirs.as_secs_f64() / slower;
            // Of tar it is said how far we are from it.
            let (target, met) = match name {
                "scp" => ("≥ 1×", times >= 1.0),
                _ => ("", true),
            };
            conclude(
                &format!("files: {}, of {name}'s speed", row.what),
                &format!("{times:.2}×"),
                target,
                &cell(Some(theirs), row.bytes),
                met,
            );
        }
    }
}
