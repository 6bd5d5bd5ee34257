//! What a computer says about itself.

use serde::{Deserialize, Serialize};

/// One record of the agent's facts lane, in answer to [`super::Control::AskFacts`]. Every list is cut by the agent, the
/// most telling first, so that all of it fits one record; every text is harmless (`text::harmless`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Unix milliseconds by that computer's clock.
    pub taken_ms: u64,
    pub system: System,
    pub cpu: Cpu,
    pub memory: Memory,
    pub disks: Vec<Disk>,
    pub networks: Vec<Network>,
    /// By use of the CPU, then of memory.
    pub processes: Vec<Process>,
    /// Services of the system's and of the user's service manager; those that failed come first.
    pub services: Vec<Service>,
    /// The journal's recent errors, newest first.
    pub errors: Vec<JournalEntry>,
    /// Updates that were installed, newest first.
    pub updates: Vec<Update>,
    /// What could not be found out, and why, in words for a person.
    pub missing: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    pub computer: String,
    /// As its maker names it, version included.
    pub name: String,
    pub kernel: String,
    pub architecture: String,
    pub user: String,
    pub uptime_s: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    pub model: String,
    /// Logical processors.
    pub processors: u32,
    /// 0 to 100, over all processors.
    pub used_percent: u32,
    /// Runnable processes on average over 1, 5 and 15 minutes, in hundredths.
    pub load_hundredths: [u32; 3],
}

/// In bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    pub total: u64,
    pub available: u64,
    pub swap_total: u64,
    pub swap_used: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub device: String,
    pub mounted_at: String,
    pub file_system: String,
    pub total_bytes: u64,
    pub free_bytes: u64,
    pub read_only: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    pub interface: String,
    pub mac: String,
    /// With the length of the prefix: `192.0.2.7/24`.
    pub addresses: Vec<String>,
    /// Since the interface came up.
    pub received_bytes: u64,
    pub sent_bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    pub name: String,
    pub user: String,
    /// 100 is one processor.
    pub cpu_percent: u32,
    pub memory_bytes: u64,
    pub running_s: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub name: String,
    pub description: String,
    /// In the service manager's words: active, failed, inactive…
    pub state: String,
    /// Of the user's own service manager.
    pub of_user: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Unix milliseconds.
    pub at_ms: u64,
    pub from: String,
    pub text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// As the package manager's log has it, in the computer's own time.
    pub at: String,
    pub package: String,
    pub from_version: String,
    pub to_version: String,
}
