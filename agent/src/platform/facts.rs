//! How this computer is, for a technician who may see its screen. Reads; runs nothing of the technician's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::{Cpu, Disk, Facts, Memory, Network, Process, System};
use sightline_ends::text::harmless;
use sysinfo::{Disks, MINIMUM_CPU_UPDATE_INTERVAL, Networks, ProcessesToUpdate, Users};

/// Longest text in characters: a process's name, a disk's device.
const TEXT: usize = 200;
/// Most lines of each list; together far below what a record holds.
const PROCESSES: usize = 40;
const DISKS: usize = 64;
const NETWORKS: usize = 64;
const ADDRESSES: usize = 16;

/// Looks around; takes about 0.3 s, for the use of the CPU is measured meanwhile. What cannot be found out stands in
/// [`Facts::missing`].
pub fn facts(_allowed: &Grant<kind::View>) -> Facts {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut facts = Facts {
        taken_ms: since.map_or(0, |since| since.as_millis() as u64),
        ..Facts::default()
    };
    let mut missing = Missing::default();
    let users = missing.unless("users", Users::new_with_refreshed_list());
    facts.system = named(&mut missing);
    if let Some(system) = missing.unless("CPU, memory and processes", sysinfo::System::new()) {
        measured(system, users.as_ref(), &mut facts, &mut missing);
    }
    if let Some(found) = missing.unless("disks", Disks::new_with_refreshed_list()) {
        facts.disks = disks(&found);
    }
    if let Some(found) = missing.unless("networks", Networks::new_with_refreshed_list()) {
        facts.networks = networks(&found);
    }
    facts.missing = missing.0;
    #[cfg(target_os = "linux")]
    super::linux_facts::add(&mut facts);
    facts
}

/// What could not be found out.
#[derive(Default)]
struct Missing(Vec<String>);

impl Missing {
    fn unless<T>(&mut self, what: &str, found: Result<T, sysinfo::Error>) -> Option<T> {
        found
            .inspect_err(|why| self.0.push(text(format!("{what}: {why}"))))
            .ok()
    }
}

fn measured(
    mut system: sysinfo::System,
    users: Option<&Users>,
    facts: &mut Facts,
    missing: &mut Missing,
) {
    system.refresh_cpu_usage();
    system.refresh_processes(ProcessesToUpdate::All, true);
    std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL + Duration::from_millis(50));
    system.refresh_cpu_usage();
    system.refresh_processes(ProcessesToUpdate::All, true);
    system.refresh_memory();
    facts.cpu = cpu(&system, missing);
    facts.memory = Memory {
        total: system.total_memory(),
        available: system.available_memory(),
        swap_total: system.total_swap(),
        swap_used: system.used_swap(),
    };
    facts.processes = processes(&system, users);
    let own = sysinfo::get_current_pid().ok();
    let own = own.and_then(|pid| Some(user(system.process(pid)?, users)));
    facts.system.user = own.unwrap_or_default();
}

fn text(text: impl AsRef<str>) -> String {
    harmless(text.as_ref(), TEXT)
}

fn named(missing: &mut Missing) -> System {
    let name = missing.unless("system", sysinfo::System::long_os_version());
    let kernel = missing.unless("kernel", sysinfo::System::kernel_long_version());
    let uptime = missing.unless("uptime", sysinfo::System::uptime());
    System {
        computer: text(super::computer_name()),
        name: text(name.unwrap_or_default()),
        kernel: text(kernel.unwrap_or_default()),
        architecture: text(sysinfo::System::cpu_arch()),
        user: String::new(),
        uptime_s: uptime.unwrap_or_default(),
    }
}

fn cpu(system: &sysinfo::System, missing: &mut Missing) -> Cpu {
    let load = missing.unless("load", sysinfo::System::load_average());
    let load = load.map_or([0.0; 3], |load| [load.one, load.five, load.fifteen]);
    Cpu {
        model: text(system.cpus().first().map_or("", |cpu| cpu.brand())),
        processors: system.cpus().len() as u32,
        used_percent: system.global_cpu_usage().round() as u32,
        load_hundredths: load.map(|load| (load * 100.0) as u32),
    }
}

fn disks(found: &Disks) -> Vec<Disk> {
    let mut disks: Vec<Disk> = found
        .iter()
        .map(|disk| Disk {
            device: text(disk.name().to_string_lossy()),
            mounted_at: text(disk.mount_point().to_string_lossy()),
            file_system: text(disk.file_system().to_string_lossy()),
            total_bytes: disk.total_space(),
            free_bytes: disk.available_space(),
            read_only: disk.is_read_only(),
        })
        .collect();
    disks.sort_by(|a, b| a.mounted_at.cmp(&b.mounted_at));
    disks.truncate(DISKS);
    disks
}

fn networks(found: &Networks) -> Vec<Network> {
    let mut networks: Vec<Network> = found
        .iter()
        .map(|(name, data)| Network {
            interface: text(name.to_string_lossy()),
            mac: data.mac_address().to_string(),
            addresses: data
                .ip_networks()
                .iter()
                .take(ADDRESSES)
                .map(ToString::to_string)
                .collect(),
            received_bytes: data.total_received(),
            sent_bytes: data.total_transmitted(),
        })
        .collect();
    networks.sort_by(|a, b| a.interface.cmp(&b.interface));
    networks.truncate(NETWORKS);
    networks
}

fn user(process: &sysinfo::Process, users: Option<&Users>) -> String {
    let user = process.user_id().and_then(|id| users?.get_user_by_id(id));
    text(user.map_or("", |user| user.name()))
}

fn processes(system: &sysinfo::System, users: Option<&Users>) -> Vec<Process> {
    let mut processes: Vec<Process> = system
        .processes()
        .values()
        // A thread is shown by its process.
        .filter(|process| process.thread_kind().is_none())
        .map(|process| Process {
            pid: process.pid().as_u32(),
            name: text(process.name().to_string_lossy()),
            user: user(process, users),
            cpu_percent: process.cpu_usage().round() as u32,
            memory_bytes: process.memory(),
            running_s: process.run_time(),
        })
        .collect();
    processes.sort_by_key(|p| std::cmp::Reverse((p.cpu_percent, p.memory_bytes)));
    processes.truncate(PROCESSES);
    processes
}
