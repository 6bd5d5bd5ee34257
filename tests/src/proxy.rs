//! A bad network on the loopback: a UDP proxy with delay, jitter, loss and rate, which can be cut at run time.
//!
//! Every client has a line of its own, unless they share one; a proxy can have several doors onto its lines.
//!
//! Chance is seeded, so that a run can be repeated as far as the programs' own timing allows.

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use crate::netem::Conditions;
use crate::netem::{Dice, Fate, OneWay, UnderWay};

/// Larger than any datagram.
const DATAGRAM: usize = 65_536;
/// How soon a thread sees that the proxy was dropped.
const LOOK_UP: Duration = Duration::from_millis(100);

/// What a line carried in one direction.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// Bytes that arrived or will.
    pub bytes: u64,
    /// Datagrams that found the queue full.
    pub overflowed: u64,
    /// How long each that passed had to wait for its turn.
    pub waited: Vec<Duration>,
}

/// A running proxy. Ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    over: AtomicBool,
}

struct State {
    conditions: Conditions,
    dice: Dice,
    under_way: UnderWay<Datagram>,
    /// One for each client and direction; that of no client is the one that all share.
    ways: HashMap<(Option<SocketAddr>, Direction), OneWay>,
    /// The next client that comes passes unhindered.
    spare_next: bool,
    spared: HashSet<SocketAddr>,
    /// Counts moves: a client's socket towards the target is of the newest.
    moved: u64,
    carried: HashMap<(SocketAddr, Direction), Carried>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a client.
    Up,
    Down,
}

struct Datagram {
    bytes: Vec<u8>,
    from: Arc<UdpSocket>,
    to: SocketAddr,
}

impl Proxy {
    /// Stands before `target` on a free port.
    pub fn start(target: &str, seed: u64) -> anyhow::Result<Proxy> {
        let state = State {
            conditions: Conditions::default(),
            dice: Dice::new(seed),
            under_way: UnderWay::default(),
            ways: HashMap::new(),
            spare_next: false,
            spared: HashSet::new(),
            moved: 0,
            carried: HashMap::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            over: AtomicBool::new(false),
        });
        let address = open_door(&shared, target)?;
        let delivering = Arc::clone(&shared);
        thread::spawn(move || deliver(&delivering));
        Ok(Proxy { address, shared })
    }

    /// Another door with the same conditions, in front of another target; gives its address.
    pub fn beside(&self, target: &str) -> anyhow::Result<String> {
        Ok(open_door(&self.shared, target)?.to_string())
    }

    /// Where clients connect.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn set(&self, conditions: Conditions) {
        self.shared.lock().conditions = conditions;
    }

    /// The next client that comes passes unhindered, for ever.
    pub fn spare_next(&self) {
        self.shared.lock().spare_next = true;
    }

    /// What each client's datagrams met in this direction since the last call; those unhindered are not counted.
    pub fn carried(&self, direction: Direction) -> HashMap<SocketAddr, Carried> {
        let mut state = self.shared.lock();
        let all = std::mem::take(&mut state.carried);
        let (asked, others) = all.into_iter().partition(|((_, d), _)| *d == direction);
        state.carried = others;
        let asked: HashMap<(SocketAddr, Direction), Carried> = asked;
        asked
            .into_iter()
            .map(|((c, _), carried)| (c, carried))
            .collect()
    }

    /// From now on nothing passes, also what is on its way.
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        state.conditions.cut = true;
        state.under_way.clear();
    }

    /// From now on the target sees every client at another address, as when a router starts anew or a laptop changes networks:
    /// what it sends to the old one is lost.
    pub fn move_clients(&self) {
        self.shared.lock().moved += 1;
    }

    pub fn restore(&self) {
        self.shared.lock().conditions.cut = false;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Sends a datagram on its way, at once or when it is due.
    fn send(&self, line: (SocketAddr, Direction), datagram: Datagram) {
        let mut state = self.lock();
        let now = Instant::now();
        let Some(due) = state.due(line, datagram.bytes.len() as u64, now) else {
            return;
        };
        if due <= now {
            drop(state);
            let _ = datagram.from.send_to(&datagram.bytes, datagram.to);
            return;
        }
        state.under_way.add(due, datagram);
        self.changed.notify_all();
    }
}

impl State {
    /// When a datagram arrives that is sent now; `None` if it is lost.
    fn due(&mut self, from: (SocketAddr, Direction), bytes: u64, now: Instant) -> Option<Instant> {
        let conditions = self.conditions;
        if self.spared.contains(&from.0) {
            return (!conditions.cut).then_some(now);
        }
        let client = (!conditions.shared).then_some(from.0);
        let way = self.ways.entry((client, from.1));
        let way = way.or_insert_with(|| OneWay::new(now));
        let fate = way.send(&conditions, &mut self.dice, bytes, now);
        match fate {
            Fate::Lost => None,
            Fate::Overflowed => {
                self.carried.entry(from).or_default().overflowed += 1;
                None
            }
            Fate::Arrives { at, waited } => {
                let carried = self.carried.entry(from).or_default();
                carried.bytes += bytes;
                if conditions.rate.is_some() {
                    carried.waited.push(waited);
                }
                Some(at)
            }
        }
    }
}

fn open_door(shared: &Arc<Shared>, target: &str) -> anyhow::Result<SocketAddr> {
    let target: SocketAddr = target.parse()?;
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0")?);
    front.set_read_timeout(Some(LOOK_UP))?;
    let address = front.local_addr()?;
    let taking = Arc::clone(shared);
    thread::spawn(move || take_from_clients(&taking, &front, target));
    Ok(address)
}

fn take_from_clients(shared: &Arc<Shared>, front: &Arc<UdpSocket>, target: SocketAddr) {
    let mut towards_target: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut moved = shared.lock().moved;
    let mut buffer = vec![0; DATAGRAM];
    while !shared.is_over() {
        let Ok((length, client)) = front.recv_from(&mut buffer) else {
            continue;
        };
        let moves = shared.lock().moved;
        if std::mem::replace(&mut moved, moves) != moves {
            towards_target.clear();
        }
        let back = match towards_target.get(&client) {
            Some(back) => Arc::clone(back),
            None => match open_back(shared, front, client) {
                Ok(back) => Arc::clone(towards_target.entry(client).or_insert(back)),
                Err(_) => continue,
            },
        };
        let datagram = Datagram {
            bytes: buffer[..length].to_vec(),
            from: back,
            to: target,
        };
        shared.send((client, Direction::Up), datagram);
    }
}

/// The socket by which the target sees this client, and a thread for what comes back.
fn open_back(
    shared: &Arc<Shared>,
    front: &Arc<UdpSocket>,
    client: SocketAddr,
) -> std::io::Result<Arc<UdpSocket>> {
    let mut state = shared.lock();
    if std::mem::take(&mut state.spare_next) {
        state.spared.insert(client);
    }
    let moved = state.moved;
    drop(state);
    let back = Arc::new(UdpSocket::bind("127.0.0.1:0")?);
    back.set_read_timeout(Some(LOOK_UP))?;
    let (shared, front, socket) = (Arc::clone(shared), Arc::clone(front), Arc::clone(&back));
    thread::spawn(move || {
        let mut buffer = vec![0; DATAGRAM];
        while !shared.is_over() && shared.lock().moved == moved {
            if let Ok(length) = socket.recv(&mut buffer) {
                let datagram = Datagram {
                    bytes: buffer[..length].to_vec(),
                    from: Arc::clone(&front),
                    to: client,
                };
                shared.send((client, Direction::Down), datagram);
            }
        }
    });
    Ok(back)
}

fn deliver(shared: &Shared) {
    let mut state = shared.lock();
    while !shared.is_over() {
        let now = Instant::now();
        if let Some(datagram) = state.under_way.arrived(now) {
            drop(state);
            let _ = datagram.from.send_to(&datagram.bytes, datagram.to);
            state = shared.lock();
            continue;
        }
        let due = state.under_way.next_due();
        let wait = due.map_or(LOOK_UP, |due| due - now);
        let waited = shared.changed.wait_timeout(state, wait);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that sends back what it gets, and one that talks to it through the proxy.
    fn line(conditions: Conditions) -> (Proxy, UdpSocket) {
        let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
        let target = echo.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let mut buffer = [0; 2_000];
            while let Ok((length, from)) = echo.recv_from(&mut buffer) {
                let _ = echo.send_to(&buffer[..length], from);
            }
        });
        let proxy = Proxy::start(&target, 7).unwrap();
        proxy.set(conditions);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(proxy.address()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        (proxy, client)
    }

    fn echoed(client: &UdpSocket, count: usize) -> usize {
        let mut buffer = [0; 2_000];
        for n in 0..count {
            client.send(&[n as u8; 1_000]).unwrap();
        }
        let mut came = 0;
        while client.recv(&mut buffer).is_ok() {
            came += 1;
        }
        came
    }

    #[test]
    fn delay_counts_both_ways_and_a_cut_is_a_cut() {
        let delay = Duration::from_millis(20);
        let (proxy, client) = line(Conditions {
            delay,
            jitter: Duration::from_millis(5),
            ..Conditions::default()
        });
        let began = Instant::now();
        client.send(b"x").unwrap();
        client.recv(&mut [0; 8]).unwrap();
        assert!(began.elapsed() >= 2 * delay);
        proxy.cut();
        assert_eq!(echoed(&client, 3), 0);
        proxy.restore();
        assert_eq!(echoed(&client, 3), 3);
        proxy.move_clients();
        assert_eq!(echoed(&client, 3), 3);
    }

    #[test]
    fn one_is_spared_and_two_doors_share_a_line() {
        let (proxy, client) = line(Conditions {
            rate: Some(100_000),
            queue: 10_000,
            shared: true,
            ..Conditions::default()
        });
        assert!((10..15).contains(&echoed(&client, 100)));
        let carried = proxy.carried(Direction::Up);
        assert_eq!(carried.len(), 1);
        assert!(carried.values().all(|carried| carried.overflowed > 80));
        // The first client fills the line; a second through another door finds it full.
        let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
        let door = proxy.beside(&echo.local_addr().unwrap().to_string());
        let second = UdpSocket::bind("127.0.0.1:0").unwrap();
        second.connect(door.unwrap()).unwrap();
        for _ in 0..100 {
            client.send(&[0; 1_000]).unwrap();
        }
        thread::sleep(Duration::from_millis(20));
        second.send(&[0; 1_000]).unwrap();
        thread::sleep(Duration::from_millis(20));
        let second = second.local_addr().unwrap();
        let carried = &proxy.carried(Direction::Up)[&second];
        assert!(carried.overflowed == 1 || carried.waited[0] > Duration::from_millis(40));
        // Whoever is spared meets none of it.
        proxy.spare_next();
        let third = UdpSocket::bind("127.0.0.1:0").unwrap();
        third.connect(proxy.address()).unwrap();
        third
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        assert_eq!(echoed(&third, 40), 40);
    }

    #[test]
    fn some_are_lost_and_a_full_queue_loses_the_rest() {
        let (proxy, client) = line(Conditions {
            loss_per_mille: 300,
            ..Conditions::default()
        });
        let came = echoed(&client, 100);
        assert!((25..75).contains(&came), "{came} of 100 came back");
        proxy.set(Conditions {
            rate: Some(100_000),
            queue: 10_000,
            ..Conditions::default()
        });
        let came = echoed(&client, 100);
        assert!((10..15).contains(&came), "{came} of 100 fit the queue");
    }
}
