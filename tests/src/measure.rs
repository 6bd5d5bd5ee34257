//! What the benches share: samples, tables, a repeatable chance, and what processes used.

pub mod copying;
pub mod delivery;
pub mod drawings;
pub mod echo;
pub mod eye;
pub mod h264;
pub mod keys;
pub mod line;
pub mod marks;
pub mod remote;
pub mod sharing;
pub mod stages;
pub mod watch;

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// Measured times.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    pub fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest sample that `percent` of them do not exceed; zero without samples.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }
}

/// Milliseconds with two decimals.
pub fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// Prints lines of equally many cells below a head: the first column to the left, numbers to the right.
pub fn print_table(title: &str, head: &[&str], lines: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.chain([head[column].chars().count()]).max()
    };
    let widths: Vec<usize> = (0..head.len()).filter_map(width).collect();
    println!("\n{title}");
    let show = |cells: Vec<&str>| {
        let mut line = format!("{:<1$}", cells[0], widths[0]);
        for (cell, width) in cells.iter().zip(&widths).skip(1) {
            line += &format!("  {cell:>width$}");
        }
        println!("{line}");
    };
    show(head.to_vec());
    for line in lines {
        show(line.iter().map(String::as_str).collect());
    }
}

/// One line for the table with which `make bench` ends: what was measured, at most (or at least) what, beside what, and whether
/// it is met.
pub fn conclude(what: &str, measured: &str, target: &str, beside: &str, met: bool) {
    let verdict = if met { "met" } else { "missed" };
    println!("=> {what} | {measured} | {target} | {beside} | {verdict}");
}

/// The five cells of such a line; none of any other line.
pub fn conclusion(line: &str) -> Option<Vec<String>> {
    let cells = line.strip_prefix("=> ")?.split('|');
    let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
    (cells.len() == 5).then_some(cells)
}

/// The same numbers in every run (xorshift).
pub struct Chance(u64);

impl Chance {
    /// Any seed but 0.
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.draw() >> 16) % limit
    }

    /// Milliseconds in `from..=to`, to the microsecond.
    pub fn between_ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(from * 1000 + self.draw() % ((to - from) * 1000 + 1))
    }
}

/// Says how a bench is called and ends the program, if that is asked for.
///
/// # Errors
///
/// An option that `call` does not name: a bench takes minutes, and is not to measure something else than was meant.
pub fn usage(call: &str) -> anyhow::Result<()> {
    for arg in std::env::args().skip(1) {
        if arg == "--help" || arg == "-h" {
            println!("{call}");
            std::process::exit(0);
        }
        let known = !arg.starts_with('-') || call.contains(&format!("[{arg} "));
        anyhow::ensure!(known, "there is no option {arg}: {call}");
    }
    Ok(())
}

/// The word after `flag` on the command line as a number, or `default`.
pub fn option(flag: &str, default: u64) -> anyhow::Result<u64> {
    let mut args = std::env::args().skip_while(|arg| arg != flag).skip(1);
    match args.next() {
        Some(word) => word
            .parse()
            .with_context(|| format!("{flag} takes a number, not '{word}'")),
        None => Ok(default),
    }
}

/// The machine's load of the last minute: runnable threads, ours and everyone's.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("?").to_owned()
}

/// What a process has used since it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time on a processor by the scheduler's own count, all threads.
    pub ran: Duration,
    /// The same by the clock ticks of `stat` (1/100 s), user and system.
    pub ticked: Duration,
    /// How often a thread went to sleep, which is how often one woke.
    pub wakes: u64,
}

impl Usage {
    /// Threads that ended meanwhile are not in `ran` and `wakes`.
    pub fn of(pid: u32) -> anyhow::Result<Usage> {
        let mut usage = Usage::default();
        for (_, (ran, wakes)) in threads(pid)? {
            usage.ran += ran;
            usage.wakes += wakes;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // After the name, which may contain anything, the state is field 3, utime 14, stime 15.
        let (_, after) = stat.rsplit_once(')').context("no name in stat")?;
        let fields = after.split_whitespace().skip(11).take(2);
        let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        usage.ticked = Duration::from_millis(ticks * 10);
        Ok(usage)
    }

    pub fn since(self, before: Usage) -> Usage {
        Usage {
            ran: self.ran.saturating_sub(before.ran),
            ticked: self.ticked.saturating_sub(before.ticked),
            wakes: self.wakes.saturating_sub(before.wakes),
        }
    }
}

/// Each thread's name, time on a processor and number of wake-ups.
pub fn threads(pid: u32) -> anyhow::Result<Vec<(String, (Duration, u64))>> {
    let mut threads = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = task?.path();
        let read = |file: &str| fs::read_to_string(path.join(file));
        // A thread may end while we look.
        let (Ok(schedstat), Ok(status)) = (read("schedstat"), read("status")) else {
            continue;
        };
        let ran_ns = schedstat.split(' ').next().and_then(|n| n.parse().ok());
        let ran = Duration::from_nanos(ran_ns.unwrap_or(0));
        let name = field(&status, "Name").unwrap_or("?");
        let thread = path.file_name().unwrap_or_default().to_string_lossy();
        let wakes = number(&status, "voluntary_ctxt_switches");
        threads.push((format!("{name} {thread}"), (ran, wakes)));
    }
    Ok(threads)
}

/// Memory of a process in bytes: resident now, and at most so far.
pub fn memory(pid: u32) -> anyhow::Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = |name| number(&status, name) << 10;
    Ok((kib("VmRSS"), kib("VmHWM")))
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = status.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// The number of a field such as `VmRSS:     1234 kB`, without its unit.
fn number(status: &str, name: &str) -> u64 {
    let words = field(status, name).map(str::split_whitespace);
    let word = words.and_then(|mut words| words.next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conclusion_has_five_cells_and_other_lines_are_none() {
        let line = "=> key → pixel | 3.9 ms | 4 ms |  | met";
        let cells = conclusion(line).unwrap();
        assert_eq!(cells, ["key → pixel", "3.9 ms", "4 ms", "", "met"]);
        assert_eq!(conclusion("key → pixel | 3.9 ms"), None);
        assert_eq!(conclusion("=> too | few"), None);
    }
}
