//! A computer's facts as a page to read.

use std::fmt::Write;

use sightline_ends::content::Facts;
use sightline_program::clock::utc_time;

/// Errors and updates on the page, of each.
const LINES: usize = 8;
/// Processes on the page; the JSON has all that were told.
const PROCESSES: usize = 10;

/// "7.5 GiB"
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    match unit {
        0 => format!("{count} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// "3 days 4 h", "2 h 5 min", "40 s"
pub fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        (1, _, _) => format!("1 day {} h", hours % 24),
        _ => format!("{days} days {} h", hours % 24),
    }
}

/// The page.
pub fn text(facts: &Facts) -> String {
    let mut page = String::new();
    head(facts, &mut page);
    for disk in &facts.disks {
        let (free, total) = (bytes(disk.free_bytes), bytes(disk.total_bytes));
        let only = if disk.read_only { ", read-only" } else { "" };
        line(
            &mut page,
            "Disk",
            &format!(
                "{}: {free} of {total} free ({}, {}{only})",
                disk.mounted_at, disk.device, disk.file_system
            ),
        );
    }
    for network in &facts.networks {
        let (received, sent) = (bytes(network.received_bytes), bytes(network.sent_bytes));
        let addresses = network.addresses.join(", ");
        line(
            &mut page,
            "Network",
            &format!(
                "{} {addresses} ({}; {received} in, {sent} out)",
                network.interface, network.mac
            ),
        );
    }
    let _ = writeln!(page, "\n  CPU %     memory       pid  user         process");
    for process in facts.processes.iter().take(PROCESSES) {
        let _ = writeln!(
            page,
            "  {:>5} {:>10}  {:>8}  {:<12} {}",
            process.cpu_percent,
            bytes(process.memory_bytes),
            process.pid,
            process.user,
            process.name
        );
    }
    lists(facts, &mut page);
    for missing in &facts.missing {
        line(&mut page, "Not known", missing);
    }
    page
}

fn lists(facts: &Facts, page: &mut String) {
    let failed = facts
        .services
        .iter()
        .filter(|s| s.state.starts_with("failed"));
    let failed: Vec<&str> = failed.map(|service| service.name.as_str()).collect();
    if !facts.services.is_empty() {
        let (count, failed) = (facts.services.len(), failed.join(", "));
        let failed = if failed.is_empty() {
            "none".into()
        } else {
            failed
        };
        let _ = writeln!(page);
        line(page, "Services", &format!("{count}; failed: {failed}"));
    }
    for error in facts.errors.iter().take(LINES) {
        let at = utc_time(error.at_ms);
        line(
            page,
            "Error",
            &format!("{at} {}: {}", error.from, error.text),
        );
    }
    for update in facts.updates.iter().take(LINES) {
        let (from, to) = (&update.from_version, &update.to_version);
        line(
            page,
            "Update",
            &format!("{} {} {from} → {to}", update.at, update.package),
        );
    }
}

fn head(facts: &Facts, page: &mut String) {
    let (system, cpu, memory) = (&facts.system, &facts.cpu, &facts.memory);
    line(page, "Computer", &system.computer);
    line(page, "System", &system.name);
    line(
        page,
        "Kernel",
        &format!("{} ({})", system.kernel, system.architecture),
    );
    line(page, "User", &system.user);
    line(page, "Running for", &duration(system.uptime_s));
    let load: Vec<String> = cpu
        .load_hundredths
        .iter()
        .map(|load| format!("{}.{:02}", load / 100, load % 100))
        .collect();
    line(
        page,
        "CPU",
        &format!(
            "{} × {}, {} % in use, load {}",
            cpu.processors,
            cpu.model,
            cpu.used_percent,
            load.join(" ")
        ),
    );
    line(
        page,
        "Memory",
        &format!(
            "{} of {} available, swap {} of {} used",
            bytes(memory.available),
            bytes(memory.total),
            bytes(memory.swap_used),
            bytes(memory.swap_total)
        ),
    );
}

fn line(page: &mut String, name: &str, value: &str) {
    let _ = writeln!(page, "{name:<12} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_for_people() {
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(u64::MAX), "16777216.0 TiB");
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(7_500), "2 h 5 min");
        assert_eq!(duration(90_000), "1 day 1 h");
        assert_eq!(duration(400_000), "4 days 15 h");
    }
}
