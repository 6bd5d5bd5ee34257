//! What people do on a 1080p screen, shared by Sightline and by what there is beside it: processor time, bytes, frames
//! delivered, how late and how exact, memory.
//!
//! `bench_picture [--seconds N] [--rate N] [--seed N] [--only NAME]... [--own 1]`, with the names of workloads; `--own`: Sightline alone, with
//! nothing beside it. Every case of every workload is started anew. A second of rest after the last step counts, too: what is late, or is made exact, is paid.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sightline_tests::measure::delivery::Delivery;
use sightline_tests::measure::sharing::{Case, Sharing, Used};
use sightline_tests::measure::stages::USER;
use sightline_tests::measure::{Samples, conclude, load, ms, option, print_table, usage};
use sightline_tests::vnc;
use sightline_tests::workload::{Kind, Options, Step, Workload};

/// How long each workload goes on.
const SECONDS: u64 = 8;

/// After the first picture, until programs have adapted and are at rest.
const SETTLE: Duration = Duration::from_secs(3);

/// After the last step, until the picture must be exact.
const QUIET: Duration = Duration::from_secs(1);

/// What was measured of one case.
struct Measured {
    case: Case,
    used: Used,
    delivery: Delivery,
    drawing: Duration,
    /// Of a thousand pixels, after the rest.
    differing: Option<f64>,
    /// Most memory of the sharing program and the viewer, in bytes.
    memory: (u64, u64),
    load: String,
}

fn main() -> anyhow::Result<()> {
    usage("bench_picture [--seconds N] [--rate N] [--seed N] [--only NAME]... [--own 1]")?;
    let length = Duration::from_secs(option("--seconds", SECONDS)?);
    let rate = option("--rate", 0)?;
    let options = Options {
        rate: (rate > 0).then_some(rate as f64),
        seed: option("--seed", Options::default().seed)?,
        ..Options::default()
    };
    let frame = frame_copy();
    println!("M: one 1920×1080 frame copied, {} ms", ms(frame));
    let mut lines = Vec::new();
    let own = option("--own", 0)? > 0;
    for kind in wanted() {
        let mut all = Vec::new();
        for case in cases(own) {
            println!("{}: {} (load {})", kind.name(), case.name(), load());
            // One case that fails does not take the others' numbers away.
            match measure(case, kind, options, length) {
                Ok(measured) => all.push(measured),
                Err(error) => println!("  {}: {error:#}", case.name()),
            }
        }
        lines.extend(rows(kind, &all, frame));
        conclude_work(kind, &all);
    }
    report(&lines, frame);
    Ok(())
}

/// The workloads that are named, or all that change the screen.
fn wanted() -> Vec<Kind> {
    let args: Vec<String> = std::env::args().collect();
    let named = args.windows(2).filter(|pair| pair[0] == "--only");
    let named: Vec<Kind> = named.filter_map(|pair| Kind::named(&pair[1])).collect();
    match named.is_empty() {
        true => Kind::ALL
            .into_iter()
            .filter(|kind| *kind != Kind::Idle)
            .collect(),
        false => named,
    }
}

fn cases(own: bool) -> Vec<Case> {
    if own {
        return vec![Case::Alone, Case::Sightline];
    }
    let mut cases = vec![Case::Alone, Case::Sightline, Case::Xvnc];
    if vnc::has_scraper() {
        cases.push(Case::X0vncserver);
    } else {
        println!("without x0vncserver: apt-get install tigervnc-scraping-server");
    }
    cases.push(Case::X264);
    cases
}

fn measure(case: Case, kind: Kind, options: Options, length: Duration) -> anyhow::Result<Measured> {
    let mut sharing = Sharing::prepare(case)?;
    let mut workload = Workload::open(sharing.user(), kind, options)?;
    sharing.begin(case)?;
    sleep(SETTLE);
    let look = sharing.look()?;
    let (before, began) = (sharing.used()?, Instant::now());
    let mut steps: Vec<Step> = Vec::new();
    workload.run(length, &AtomicBool::new(false), |step| steps.push(step))?;
    let drawing = began.elapsed();
    sleep(QUIET);
    let used = sharing.used()?.since(before);
    let load = load();
    let delivery = Delivery::judge(&steps, &sharing.seen(look)?, began + drawing);
    Ok(Measured {
        case,
        used,
        delivery,
        drawing,
        memory: sharing.memory()?,
        differing: sharing.differing()?,
        load,
    })
}

/// The time of copying one frame.
fn frame_copy() -> Duration {
    let source = vec![0x12_34_56_u32; (USER.0 * USER.1) as usize];
    let mut target = vec![0; source.len()];
    let mut times = Samples::default();
    for _ in 0..200 {
        let start = Instant::now();
        target.copy_from_slice(black_box(&source));
        black_box(&mut target);
        times.add(start.elapsed());
    }
    times.percentile(50)
}

/// Lines of the table: one for each case but the first, from which drawing's own cost is known.
fn rows(kind: Kind, all: &[Measured], frame: Duration) -> Vec<Vec<String>> {
    let each = |measured: &Measured, time: Duration| {
        time.as_secs_f64() / frame.as_secs_f64() / measured.delivery.drawn.max(1) as f64
    };
    let of = |case: Case| all.iter().find(|measured| measured.case == case);
    let alone = of(Case::Alone).map_or(0.0, |alone| each(alone, alone.used.sharing));
    let sharing = |measured: &Measured| each(measured, measured.used.sharing) - alone;
    let bytes =
        |measured: &Measured| measured.used.bytes as f64 / measured.delivery.drawn.max(1) as f64;
    let against = of(Case::Xvnc).map(|vnc| (sharing(vnc), bytes(vnc)));
    let row = |measured: &Measured| {
        let delivery = &measured.delivery;
        let ratio = |own: f64, other: fn((f64, f64)) -> f64| {
            against.map_or("-".into(), |pair| format!("{:.2}×", own / other(pair)))
        };
        let shown = delivery.shown as f64 / measured.drawing.as_secs_f64();
        let drawn = delivery.drawn as f64 / measured.drawing.as_secs_f64();
        let times = |samples: &Samples, percent| match samples.count() {
            0 => "-".to_owned(),
            _ => ms(samples.percentile(percent)),
        };
        let (own, sent) = (sharing(measured), bytes(measured));
        vec![
            format!("{}: {}", kind.name(), measured.case.name()),
            format!("{own:.2}"),
            ratio(own, |pair| pair.0),
            multiples(each(measured, measured.used.sharer)),
            multiples(each(measured, measured.used.viewer)),
            format!("{sent:.0}"),
            ratio(sent, |pair| pair.1),
            format!("{shown:.1} of {drawn:.1}"),
            times(&delivery.delay, 50),
            times(&delivery.delay, 95),
            times(&delivery.age, 95),
            measured.differing.map_or("-".into(), |per_mille| {
                format!("{:.3}", 100.0 - per_mille / 10.0)
            }),
            megabytes(measured.memory.0),
            megabytes(measured.memory.1),
            measured.load.clone(),
        ]
    };
    let shared = all.iter().filter(|measured| measured.case != Case::Alone);
    shared.map(row).collect()
}

/// Whether all came and is exact; and, for what is wanted beside TigerVNC (`Xvnc`), bytes against its own.
fn conclude_work(kind: Kind, all: &[Measured]) {
    let of = |case: Case| all.iter().find(|measured| measured.case == case);
    let Some(own) = of(Case::Sightline) else {
        return;
    };
    let text = |measured: &Measured| {
        let (delivery, seconds) = (&measured.delivery, measured.drawing.as_secs_f64());
        let exact = measured.differing.map_or("-".into(), |per_mille| {
            format!("{:.2}", 100.0 - per_mille / 10.0)
        });
        format!(
            "{:.1} of {:.1}/s, {exact} % exact, {:.1} KB",
            delivery.shown as f64 / seconds,
            delivery.drawn as f64 / seconds,
            measured.used.bytes as f64 / 1e3 / delivery.drawn.max(1) as f64,
        )
    };
    let exact = own.differing == Some(0.0);
    let all_came = own.delivery.shown == own.delivery.drawn;
    let (wanted, part) = match kind {
        Kind::Scrolling => ("every step, exact, 1/18 of TigerVNC's bytes", Some(18)),
        Kind::Dragging => ("exact, 1/8 of TigerVNC's bytes", Some(8)),
        _ => ("exact", None),
    };
    let vnc = of(Case::Xvnc);
    let few = match (part, vnc) {
        (Some(part), Some(vnc)) => own.used.bytes * part <= vnc.used.bytes,
        _ => true,
    };
    conclude(
        &format!("shared screen: {}", kind.name()),
        &text(own),
        wanted,
        &vnc.map_or(String::new(), |vnc| format!("Xvnc {}", text(vnc))),
        exact && few && (all_came || kind != Kind::Scrolling),
    );
}

/// A program that is not there has no number.
fn multiples(times: f64) -> String {
    match times {
        0.0 => "-".into(),
        _ => format!("{times:.2}"),
    }
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        0 => "-".into(),
        _ => format!("{:.0}", bytes as f64 / 1e6),
    }
}

fn report(lines: &[Vec<String>], frame: Duration) {
    print_table(
        "A shared 1080p screen; processor time and bytes for each change drawn, times in ms",
        &[
            "", "CPU M", "/Xvnc", "agent M", "viewer M", "bytes", "/Xvnc", "shown/s", "late p50",
            "p95", "age p95", "exact %", "MB agent", "viewer", "load",
        ],
        lines,
    );
    println!(
        "\nCPU: what the sharing program and the user's X server take together, less what drawing takes without anyone \
         looking. agent: the sharing program alone (Xvnc is its own X server). M: {} ms, one frame copied.\n\
         bytes: Sightline's are sealed records, as recorded; TigerVNC's are TCP payload; x264's its stream, which is \
         grabbed 30 times a second whatever changes.\n\
         late: from drawn to that or a newer step on the viewer's screen (x264: decoded, not shown). age: how long the \
         screen had been another than the one shown, over all moments.\n\
         exact: pixels equal to the user's screen one second after the last change.",
        ms(frame)
    );
}
