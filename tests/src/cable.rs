//! A line of our own between two computers that are none: two network namespaces, each with its end of a line that delays,
//! loses and limits as [`Conditions`] say. Any program's packets pass through it, so that ssh, mosh and VNC meet what we meet.
//!
//! A namespace here is an open file: when the last program in it and this process are gone, the kernel takes it away with its
//! devices, however they ended.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::sched::{CloneFlags, setns};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::netem::{Conditions, Dice, Fate, OneWay, UnderWay};
use crate::program::Kept;

/// Bytes of a packet at most, as on Ethernet.
const MTU: u16 = 1_500;
/// How soon a thread sees that the line was dropped.
const LOOK_UP: Duration = Duration::from_millis(100);
/// Packets that a device holds for us while we are not running; what comes beyond is lost before the line has seen it, so it
/// is more than a sender has under way.
const DEVICE_QUEUE: u32 = 10_000;

/// What both addresses are in, and what the device at each end is called.
const NETWORK: &str = "10.77.0.0/24";
const DEVICE: &str = "line";

/// A computer at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Technician,
    User,
}

impl End {
    const BOTH: [End; 2] = [End::Technician, End::User];

    /// Its address on the line.
    pub fn address(self) -> &'static str {
        match self {
            End::Technician => "10.77.0.1",
            End::User => "10.77.0.2",
        }
    }
}

/// A running line. Ends when dropped; what was started at its ends does not.
pub struct Cable {
    home: File,
    namespaces: [File; 2],
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    devices: [SyncDevice; 2],
    state: Mutex<State>,
    changed: Condvar,
    over: AtomicBool,
}

struct State {
    conditions: Conditions,
    dice: Dice,
    /// From each end.
    ways: [OneWay; 2],
    /// Packets, and to which end.
    under_way: UnderWay<(usize, Vec<u8>)>,
    counts: Counts,
}

/// What the line did to packets, both ways together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub sent: u64,
    pub lost: u64,
    pub overflowed: u64,
}

impl Cable {
    /// Why there can be no line of our own on this computer, if so.
    pub fn impossible() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("only root makes network namespaces".into());
        }
        let device = File::options().read(true).write(true).open("/dev/net/tun");
        device.err().map(|error| format!("/dev/net/tun: {error}"))
    }

    /// A line under these conditions. The same seed loses the same packets of the same traffic.
    pub fn lay(conditions: Conditions, seed: u64) -> anyhow::Result<Cable> {
        let home = File::open("/proc/thread-self/ns/net")?;
        let namespaces = [namespace()?, namespace()?];
        let device = |end: End| within(&home, &namespaces[end as usize], || device(end))?;
        let devices = [device(End::Technician)?, device(End::User)?];
        let now = Instant::now();
        let shared = Arc::new(Shared {
            devices,
            state: Mutex::new(State {
                conditions,
                dice: Dice::new(seed),
                ways: [OneWay::new(now), OneWay::new(now)],
                under_way: UnderWay::default(),
                counts: Counts::default(),
            }),
            changed: Condvar::new(),
            over: AtomicBool::new(false),
        });
        let mut threads = Vec::new();
        for end in End::BOTH {
            let shared = Arc::clone(&shared);
            threads.push(thread::spawn(move || take_in(&shared, end as usize)));
        }
        let delivering = Arc::clone(&shared);
        threads.push(thread::spawn(move || deliver(&delivering)));
        Ok(Cable {
            home,
            namespaces,
            shared,
            threads,
        })
    }

    /// Does something at one end: sockets that are opened and programs that are started meanwhile, by this thread, stay there.
    pub fn at<T>(&self, end: End, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        within(&self.home, &self.namespaces[end as usize], work)?
    }

    pub fn set(&self, conditions: Conditions) {
        self.shared.lock().conditions = conditions;
    }

    pub fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// How TCP at both ends judges from now on how much the line carries: `cubic`, which is Linux' own choice, or another that
    /// the kernel has. Said of the route: as a setting, the kernel lets only its first namespace choose freely.
    pub fn set_congestion_control(&self, name: &str) -> anyhow::Result<()> {
        for end in End::BOTH {
            let args = ["route", "replace", NETWORK, "dev", DEVICE];
            let mut route = Command::new("ip");
            route
                .args(args)
                .args(["src", end.address(), "congctl", name]);
            let set = self.at(end, || Ok(route.output()?))?;
            ensure!(
                set.status.success(),
                "{}",
                String::from_utf8_lossy(&set.stderr)
            );
        }
        Ok(())
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A new network namespace. It is held by the file; the process that made it is gone.
fn namespace() -> anyhow::Result<File> {
    let mut command = Command::new("unshare");
    command.args(["--net", "cat"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut maker = Kept::spawn(&mut command).context("unshare is part of util-linux")?;
    let mut stdin = maker.0.stdin.take().context("no standard input")?;
    let mut stdout = maker.0.stdout.take().context("no standard output")?;
    // What comes back comes from inside.
    stdin.write_all(b"\n")?;
    let answered = stdout.read_exact(&mut [0]);
    answered.context("unshare made no network namespace")?;
    Ok(File::open(format!("/proc/{}/ns/net", maker.pid()))?)
}

/// Runs on this thread inside a namespace, and comes home.
fn within<T>(home: &File, there: &File, work: impl FnOnce() -> T) -> anyhow::Result<T> {
    struct Home<'a>(&'a File);
    impl Drop for Home<'_> {
        fn drop(&mut self) {
            let came = setns(self.0, CloneFlags::CLONE_NEWNET);
            came.expect("whoever could leave its network namespace can return");
        }
    }
    setns(there, CloneFlags::CLONE_NEWNET).context("cannot enter a network namespace")?;
    let _home = Home(home);
    Ok(work())
}

/// The device of this end, in the namespace that this thread is in, whose loopback works from now on, too.
fn device(end: End) -> anyhow::Result<SyncDevice> {
    let mut up = Command::new("ip");
    let up = up.args(["link", "set", "lo", "up"]).status();
    ensure!(up.context("install iproute2")?.success(), "no loopback");
    let device = DeviceBuilder::new()
        .name(DEVICE)
        .ipv4(end.address(), 24, None)
        .mtu(MTU)
        .with(|linux| {
            linux.tx_queue_len(DEVICE_QUEUE);
        })
        .build_sync();
    device.context("cannot make a network device")
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Takes what is sent at one end.
fn take_in(shared: &Shared, from: usize) {
    let device = &shared.devices[from];
    let look_up = Timespec::try_from(LOOK_UP).ok();
    let mut packet = vec![0; usize::from(MTU)];
    while !shared.is_over() {
        let mut ready = [PollFd::new(device, PollFlags::IN)];
        if !matches!(poll(&mut ready, look_up.as_ref()), Ok(1..)) {
            continue;
        }
        let Ok(length) = device.recv(&mut packet) else {
            continue;
        };
        let mut state = shared.lock();
        let State {
            conditions,
            dice,
            ways,
            under_way,
            counts,
        } = &mut *state;
        counts.sent += 1;
        match ways[from].send(conditions, dice, length as u64, Instant::now()) {
            Fate::Lost => counts.lost += 1,
            Fate::Overflowed => counts.overflowed += 1,
            Fate::Arrives { at, .. } => {
                under_way.add(at, (1 - from, packet[..length].to_vec()));
                shared.changed.notify_all();
            }
        }
    }
}

fn deliver(shared: &Shared) {
    let mut state = shared.lock();
    while !shared.is_over() {
        let now = Instant::now();
        if let Some((to, packet)) = state.under_way.arrived(now) {
            drop(state);
            // A computer that is not there any more takes nothing.
            let _ = shared.devices[to].send(&packet);
            state = shared.lock();
            continue;
        }
        let wait = state.under_way.next_due().map_or(LOOK_UP, |due| due - now);
        let waited = shared.changed.wait_timeout(state, wait);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    fn lay(conditions: Conditions) -> Option<Cable> {
        if let Some(why) = Cable::impossible() {
            eprintln!("skipped: {why}");
            return None;
        }
        Some(Cable::lay(conditions, 7).unwrap())
    }

    #[test]
    fn there_and_back_takes_both_delays_and_some_are_lost() {
        let Some(cable) = lay(Conditions {
            delay: Duration::from_millis(20),
            loss_per_mille: 200,
            ..Conditions::default()
        }) else {
            return;
        };
        let bind = |end: End| cable.at(end, || Ok(UdpSocket::bind((end.address(), 4_000))?));
        let [near, far] = End::BOTH.map(|end| bind(end).unwrap());
        thread::spawn(move || {
            let mut buffer = [0; 100];
            while let Ok((length, from)) = far.recv_from(&mut buffer) {
                let _ = far.send_to(&buffer[..length], from);
            }
        });
        let patience = Duration::from_millis(200);
        near.set_read_timeout(Some(patience)).unwrap();
        let began = Instant::now();
        let mut first = None;
        for n in 0..100_u8 {
            near.send_to(&[n; 50], (End::User.address(), 4_000))
                .unwrap();
        }
        let mut came = 0;
        while near.recv(&mut [0; 100]).is_ok() {
            first.get_or_insert(began.elapsed());
            came += 1;
        }
        let first = first.expect("some come back");
        assert!(first >= Duration::from_millis(40), "{first:?}");
        assert!((45..85).contains(&came), "{came} of 100 came back");
    }

    #[test]
    fn tcp_brings_all_of_it_at_the_rate_and_both_ends_are_alone() {
        let Some(cable) = lay(Conditions {
            rate: Some(1_000_000),
            queue: 50_000,
            loss_per_mille: 5,
            ..Conditions::default()
        }) else {
            return;
        };
        cable.set_congestion_control("cubic").unwrap();
        let listen = || Ok(TcpListener::bind((End::User.address(), 4_000))?);
        let listener = cable.at(End::User, listen).unwrap();
        assert!(TcpListener::bind((End::User.address(), 0)).is_err());
        let sent: Vec<u8> = (0..500_000_u32).map(|n| (n / 7) as u8).collect();
        let bytes = sent.clone();
        let began = Instant::now();
        let sending = thread::spawn(move || listener.accept().unwrap().0.write_all(&bytes));
        let connect = || Ok(TcpStream::connect((End::User.address(), 4_000))?);
        let mut stream = cable.at(End::Technician, connect).unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        sending.join().unwrap().unwrap();
        assert_eq!(got, sent);
        assert!(began.elapsed() >= Duration::from_millis(480));
        assert!(cable.counts().overflowed + cable.counts().lost > 0);
    }
}
