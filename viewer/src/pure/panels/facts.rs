//! How the user's computer is, in sections to read; and the same as a file for the ticket.

use std::time::Duration;

use sightline_ends::content::{Facts, Network};
use sightline_program::clock::{local_time, utc_time};

use super::Ask;
use crate::pure::commands::{FromCommand, FromHolder, Seat};
use crate::pure::facts_text::{bytes, duration};

/// Processes, services, errors and updates in the panel, of each; the file has all that were told.
const LINES: usize = 12;
/// A disk or memory fuller than this is worth a look.
const FULL: f32 = 0.9;

/// One line of a section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub label: String,
    pub value: String,
    /// How full it is, 0 to 1.
    pub share: Option<f32>,
    /// The technician should look at this.
    pub bad: bool,
}

/// What belongs together.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    pub title: &'static str,
    pub rows: Vec<Row>,
}

#[derive(Default)]
pub struct FactsPanel {
    facts: Option<Box<Facts>>,
    sections: Vec<Section>,
    asking: bool,
    /// What became of the last wish: saved where, or why not.
    pub remark: Option<Result<String, String>>,
    /// A recording's, by time.
    recorded: Vec<(Duration, Box<Facts>)>,
    position: Duration,
}

impl FactsPanel {
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    pub fn is_asking(&self) -> bool {
        self.asking
    }

    /// When the facts were taken, by that computer's clock.
    pub fn taken(&self) -> Option<String> {
        let facts = self.facts.as_ref()?;
        Some(local_time(facts.taken_ms).get(..19)?.to_owned())
    }

    /// The panel was opened: facts are asked for unless they are there.
    pub fn open(&mut self) -> Option<Ask> {
        match self.facts {
            Some(_) => None,
            None => self.ask(),
        }
    }

    /// Asks how it is now.
    pub fn ask(&mut self) -> Option<Ask> {
        if std::mem::replace(&mut self.asking, true) {
            return None;
        }
        self.remark = None;
        Some(Ask::session(Seat::Facts, FromCommand::AskFacts(())))
    }

    pub fn hear(&mut self, message: FromHolder) {
        match message {
            FromHolder::Facts(facts) => {
                self.asking = false;
                self.show(Some(facts));
            }
            FromHolder::Refused(why) => {
                self.asking = false;
                self.remark = Some(Err(why));
            }
            _ => {}
        }
    }

    fn show(&mut self, facts: Option<Box<Facts>>) {
        self.sections = facts.as_deref().map(sections).unwrap_or_default();
        self.facts = facts;
    }

    /// In a recording it was so at this time.
    pub fn keep(&mut self, at: Duration, facts: Box<Facts>) {
        self.recorded.push((at, facts));
        self.play_to(self.position);
    }

    /// A replay is there now; whether other facts were the newest then.
    pub fn play_to(&mut self, position: Duration) -> bool {
        self.position = position;
        let newest = self.recorded.iter().rev().find(|(at, _)| *at <= position);
        let newest = newest.map(|(_, facts)| facts);
        let changed = newest != self.facts.as_ref();
        if changed {
            let newest = newest.cloned();
            self.show(newest);
        }
        changed
    }

    /// The session can answer no more.
    pub fn end(&mut self) {
        self.asking = false;
    }

    /// All of it as a file.
    pub fn save(&self) -> Option<Ask> {
        let facts = self.facts.as_ref()?;
        let json = serde_json::to_string_pretty(&**facts).ok()?;
        let time: String = utc_time(facts.taken_ms).chars().take(19).collect();
        let plain = |text: &str| -> String {
            let keep = |c: char| {
                if c.is_alphanumeric() || c == '-' {
                    c
                } else {
                    '-'
                }
            };
            text.chars().map(keep).take(64).collect()
        };
        Some(Ask::Save {
            name: format!("{}-{}.json", plain(&facts.system.computer), plain(&time)),
            text: json,
        })
    }
}

fn row(label: &str, value: String) -> Row {
    Row {
        label: label.to_owned(),
        value,
        ..Row::default()
    }
}

fn filled(label: &str, value: String, used: u64, total: u64) -> Row {
    let share = (total > 0).then(|| (used as f64 / total as f64) as f32);
    Row {
        share,
        bad: share.is_some_and(|share| share > FULL),
        ..row(label, value)
    }
}

fn sections(facts: &Facts) -> Vec<Section> {
    let all = [
        ("System", system(facts)),
        ("CPU", cpu(facts)),
        ("Memory", memory(facts)),
        ("Disks", disks(facts)),
        ("Networks", networks(facts)),
        ("Processes", processes(facts)),
        ("Services", services(facts)),
        ("Errors of the journal", errors(facts)),
        ("Updates", updates(facts)),
        (
            "Not known",
            facts
                .missing
                .iter()
                .map(|what| row("", what.clone()))
                .collect(),
        ),
    ];
    let told = |row: &Row| !row.value.is_empty();
    let all = all.into_iter().map(|(title, rows): (_, Vec<Row>)| Section {
        title,
        rows: rows.into_iter().filter(told).collect(),
    });
    all.filter(|section| !section.rows.is_empty()).collect()
}

fn system(facts: &Facts) -> Vec<Row> {
    let system = &facts.system;
    vec![
        row("Computer", system.computer.clone()),
        row("System", system.name.clone()),
        row(
            "Kernel",
            format!("{} ({})", system.kernel, system.architecture),
        ),
        row("User", system.user.clone()),
        row("Running for", duration(system.uptime_s)),
    ]
}

fn cpu(facts: &Facts) -> Vec<Row> {
    let cpu = &facts.cpu;
    let load = cpu
        .load_hundredths
        .map(|load| format!("{:.2}", f64::from(load) / 100.0));
    vec![
        row("Model", format!("{} × {}", cpu.processors, cpu.model)),
        filled(
            "Used",
            format!("{} %", cpu.used_percent),
            cpu.used_percent.into(),
            100,
        ),
        row("Load", load.join("  ")),
    ]
}

fn memory(facts: &Facts) -> Vec<Row> {
    let memory = &facts.memory;
    let used = memory.total.saturating_sub(memory.available);
    let of = |used, total| format!("{} of {}", bytes(used), bytes(total));
    let mut rows = vec![filled("Used", of(used, memory.total), used, memory.total)];
    if memory.swap_total > 0 {
        let (used, total) = (memory.swap_used, memory.swap_total);
        rows.push(filled("Swap", of(used, total), used, total));
    }
    rows
}

fn disks(facts: &Facts) -> Vec<Row> {
    let disks = facts.disks.iter().map(|disk| {
        let used = disk.total_bytes.saturating_sub(disk.free_bytes);
        let only = if disk.read_only { ", read-only" } else { "" };
        let (free, total) = (bytes(disk.free_bytes), bytes(disk.total_bytes));
        let text = format!("{free} of {total} free ({}{only})", disk.file_system);
        filled(&disk.mounted_at, text, used, disk.total_bytes)
    });
    disks.collect()
}

fn networks(facts: &Facts) -> Vec<Row> {
    // One that was never used says nothing.
    let used = |network: &&Network| !network.addresses.is_empty() || network.received_bytes > 0;
    let networks = facts.networks.iter().filter(used).map(|network| {
        let (received, sent) = (bytes(network.received_bytes), bytes(network.sent_bytes));
        let addresses = network.addresses.iter().cloned();
        let lines = addresses.chain([format!("{received} in, {sent} out")]);
        row(&network.interface, lines.collect::<Vec<_>>().join("\n"))
    });
    networks.collect()
}

fn processes(facts: &Facts) -> Vec<Row> {
    let processes = facts.processes.iter().take(LINES).map(|process| {
        let memory = bytes(process.memory_bytes);
        let cpu = process.cpu_percent;
        let told = [
            format!("{cpu} %"),
            memory,
            process.user.clone(),
            process.pid.to_string(),
        ];
        let told = told.into_iter().filter(|word| !word.is_empty());
        row(&process.name, told.collect::<Vec<_>>().join(", "))
    });
    processes.collect()
}

fn services(facts: &Facts) -> Vec<Row> {
    let failed = facts
        .services
        .iter()
        .filter(|s| s.state.starts_with("failed"));
    let mut rows: Vec<Row> = failed
        .take(LINES)
        .map(|service| Row {
            bad: true,
            ..row(
                &service.name,
                format!("{}: {}", service.state, service.description),
            )
        })
        .collect();
    let others = facts.services.len() - rows.len();
    if others > 0 {
        rows.push(row("", format!("{others} others, none of them failed")));
    }
    rows
}

fn errors(facts: &Facts) -> Vec<Row> {
    let errors = facts.errors.iter().take(LINES).map(|error| {
        let time = local_time(error.at_ms);
        let time = time.get(..16).unwrap_or_default();
        row(&error.from, format!("{time}  {}", error.text))
    });
    errors.collect()
}

fn updates(facts: &Facts) -> Vec<Row> {
    let updates = facts.updates.iter().take(LINES).map(|update| {
        let from = match update.from_version.as_str() {
            "" => String::new(),
            version => format!("{version} → "),
        };
        row(
            &update.package,
            format!("{from}{}, {}", update.to_version, update.at),
        )
    });
    updates.collect()
}

#[cfg(test)]
mod tests {
    use sightline_ends::content::{Disk, Memory, Service, System};

    use super::*;

    fn facts() -> Facts {
        Facts {
            taken_ms: 1_700_000_000_000,
            system: System {
                computer: "mira/pc".into(),
                ..System::default()
            },
            memory: Memory {
                total: 1 << 30,
                available: 1 << 26,
                ..Memory::default()
            },
            disks: vec![Disk {
                mounted_at: "/".into(),
                total_bytes: 100 << 30,
                free_bytes: 50 << 30,
                ..Disk::default()
            }],
            services: vec![
                Service {
                    name: "cups.service".into(),
                    state: "failed (exit-code)".into(),
                    ..Service::default()
                },
                Service::default(),
            ],
            ..Facts::default()
        }
    }

    #[test]
    fn they_are_asked_for_once_at_a_time() {
        let mut panel = FactsPanel::default();
        assert!(panel.open().is_some());
        assert!(panel.open().is_none() && panel.ask().is_none());
        panel.hear(FromHolder::Facts(Box::new(facts())));
        assert!(panel.open().is_none(), "they are there");
        assert!(panel.ask().is_some(), "again when wanted");
        panel.hear(FromHolder::Refused("the user took it back".into()));
        assert!(!panel.is_asking() && panel.remark.is_some());
        assert!(!panel.sections().is_empty(), "what was told stays");
    }

    #[test]
    fn what_is_full_or_failed_stands_out() {
        let mut panel = FactsPanel::default();
        panel.hear(FromHolder::Facts(Box::new(facts())));
        let bad = |title: &str| {
            let mut all = panel.sections().iter();
            let section = all
                .find(|section| section.title == title)
                .expect("a section");
            section.rows.iter().map(|row| row.bad).collect::<Vec<_>>()
        };
        assert_eq!(bad("Memory"), [true]);
        assert_eq!(bad("Disks"), [false]);
        assert_eq!(bad("Services"), [true, false]);
        assert!(
            panel
                .sections()
                .iter()
                .all(|section| section.title != "Updates")
        );
    }

    #[test]
    fn the_file_has_a_harmless_name_and_everything() {
        let mut panel = FactsPanel::default();
        assert_eq!(panel.save(), None);
        panel.hear(FromHolder::Facts(Box::new(facts())));
        let Some(Ask::Save { name, text }) = panel.save() else {
            panic!("it is saved")
        };
        assert_eq!(name, "mira-pc-2023-11-14T22-13-20.json");
        let again: Facts = serde_json::from_str(&text).expect("JSON");
        assert_eq!(again, facts());
    }
}
