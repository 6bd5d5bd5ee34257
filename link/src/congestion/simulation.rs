//! A bottleneck in virtual time, and those who send through it: our model as quinn would run it, and CUBIC.

use std::collections::{BTreeMap, VecDeque};

use super::model::Model;

const MTU: u64 = 1_452;

/// A packet: its number, and when it was sent, in microseconds.
type Packet = (u64, u64);

/// The path that all share.
#[derive(Clone, Copy, Debug)]
struct Path {
    /// Bytes a second.
    rate: u64,
    /// There and back, empty.
    round_trip_us: u64,
    /// Evenly from nothing up to this is added to each way back.
    jitter_us: u64,
    loss_per_mille: u64,
    /// Bytes that wait for their turn.
    queue: u64,
}

/// Who decides how much is under way.
enum Control {
    Ours(Box<Model>),
    Cubic(Cubic),
}

/// CUBIC (RFC 9438) without its start's refinements; times in seconds, windows in packets.
struct Cubic {
    window: f64,
    threshold: f64,
    most: f64,
    reduced_us: u64,
    before_us: u64,
}

impl Cubic {
    fn acked(&mut self, packets: f64, round_trip_us: u64, now_us: u64) {
        if self.window < self.threshold {
            self.window += packets;
            return;
        }
        let t = (now_us - self.reduced_us) as f64 / 1e6;
        let k = (self.most * 0.3 / 0.4).cbrt();
        let cubic = 0.4 * (t - k).powi(3) + self.most;
        let reno = self.most * 0.7 + 0.53 * t / (round_trip_us as f64 / 1e6);
        let target = cubic.max(reno).clamp(self.window, 1.5 * self.window);
        self.window += (target - self.window) / self.window * packets;
    }

    fn lost(&mut self, sent_us: u64, now_us: u64) {
        if sent_us < self.before_us {
            return;
        }
        self.most = self.window;
        self.window = (self.window * 0.7).max(2.0);
        self.threshold = self.window;
        (self.reduced_us, self.before_us) = (now_us, now_us);
    }
}

struct Flow {
    control: Control,
    /// Oldest first.
    under_way: VecDeque<Packet>,
    in_flight: u64,
    next: u64,
    /// Smoothed, as quinn has it.
    round_trip_us: f64,
    tokens: f64,
    filled_us: u64,
    starts_us: u64,
    ends_us: u64,
    /// Received and not yet acknowledged; since when.
    received: Vec<Packet>,
    received_us: u64,
    delivered: u64,
}

impl Flow {
    fn new(control: Control, starts_us: u64, ends_us: u64) -> Flow {
        Flow {
            control,
            under_way: VecDeque::new(),
            in_flight: 0,
            next: 0,
            round_trip_us: 0.0,
            tokens: 10.0 * MTU as f64,
            filled_us: 0,
            starts_us,
            ends_us,
            received: Vec::new(),
            received_us: 0,
            delivered: 0,
        }
    }

    fn ours() -> Control {
        Control::Ours(Box::new(Model::new(32 * 1_200, MTU)))
    }

    fn cubic() -> Control {
        Control::Cubic(Cubic {
            window: 10.0,
            threshold: f64::MAX,
            most: 0.0,
            reduced_us: 0,
            before_us: 0,
        })
    }

    fn window(&self) -> u64 {
        match &self.control {
            Control::Ours(model) => model.window(),
            Control::Cubic(cubic) => (cubic.window * MTU as f64) as u64 + MTU,
        }
    }

    /// quinn's pacer: a window and a quarter each round trip, ten packets at once at most.
    fn may_send(&mut self, now_us: u64) -> bool {
        if now_us < self.starts_us || now_us >= self.ends_us {
            return false;
        }
        if self.in_flight + MTU >= self.window() {
            return false;
        }
        let round_trip_us = if self.round_trip_us == 0.0 {
            150_000.0
        } else {
            self.round_trip_us
        };
        let passed = (now_us - self.filled_us) as f64;
        self.tokens += 1.25 * self.window() as f64 * passed / round_trip_us;
        self.tokens = self.tokens.min(10.0 * MTU as f64);
        self.filled_us = now_us;
        self.tokens >= MTU as f64
    }

    fn send(&mut self, now_us: u64) -> Packet {
        self.tokens -= MTU as f64;
        self.in_flight += MTU;
        self.next += 1;
        self.under_way.push_back((self.next, now_us));
        if let Control::Ours(model) = &mut self.control {
            model.sent(now_us, MTU);
        }
        (self.next, now_us)
    }

    fn acknowledge(&mut self, packets: &[Packet], now_us: u64) {
        let Some(newest) = packets.iter().max() else {
            return;
        };
        let round_trip_us = now_us - newest.1;
        let smoothed = if self.round_trip_us == 0.0 {
            round_trip_us as f64
        } else {
            self.round_trip_us
        };
        self.round_trip_us = smoothed + (round_trip_us as f64 - smoothed) / 8.0;
        let before = self.under_way.len();
        self.under_way.retain(|packet| !packets.contains(packet));
        let acked = (before - self.under_way.len()) as u64;
        self.in_flight -= acked * MTU;
        self.delivered += acked * MTU;
        match &mut self.control {
            Control::Ours(model) => {
                for packet in packets {
                    model.acked(packet.1, MTU);
                }
                model.acks_end(now_us, self.in_flight);
            }
            Control::Cubic(cubic) => cubic.acked(acked as f64, self.round_trip_us as u64, now_us),
        }
        self.detect_losses(newest.0, now_us);
    }

    /// By three packets or nine eighths of a round trip.
    fn detect_losses(&mut self, newest: u64, now_us: u64) {
        let old_us = (self.round_trip_us * 1.125) as u64;
        let is_lost = |(number, sent_us): &Packet| {
            *number + 3 <= newest || (*number < newest && now_us - sent_us > old_us)
        };
        let lost: Vec<_> = self.under_way.iter().copied().filter(is_lost).collect();
        self.under_way.retain(|packet| !is_lost(packet));
        self.lose(&lost, false, now_us);
    }

    fn lose(&mut self, lost: &[Packet], persistent: bool, now_us: u64) {
        let Some(newest) = lost.last() else {
            return;
        };
        let bytes = lost.len() as u64 * MTU;
        self.in_flight -= bytes;
        match &mut self.control {
            Control::Ours(model) => model.lost(bytes, persistent),
            Control::Cubic(cubic) => cubic.lost(newest.1, now_us),
        }
    }

    /// Everything under way is older than any timeout: found lost by probes.
    fn time_out(&mut self, now_us: u64) {
        let late_us = (2.0 * self.round_trip_us) as u64 + 200_000;
        if self
            .under_way
            .back()
            .is_some_and(|(_, sent_us)| now_us - sent_us > late_us)
        {
            let lost: Vec<_> = self.under_way.drain(..).collect();
            self.lose(&lost, false, now_us);
        }
    }
}

/// A run of the simulation.
struct Line {
    path: Path,
    flows: Vec<Flow>,
    now_us: u64,
    free_us: u64,
    chance: u64,
    /// At the receivers: by time and order, the flow and its packet.
    arrivals: BTreeMap<(u64, u64), (usize, Packet)>,
    /// On the way back, alike.
    acknowledgements: BTreeMap<(u64, u64), (usize, Vec<Packet>)>,
    order: u64,
    last_arrival_us: u64,
    /// How long each packet waited in the queue, in microseconds.
    waited_us: Vec<u64>,
}

impl Line {
    fn new(path: Path, flows: Vec<Flow>) -> Line {
        Line {
            path,
            flows,
            now_us: 0,
            free_us: 0,
            chance: 0x9e37_79b9,
            arrivals: BTreeMap::new(),
            acknowledgements: BTreeMap::new(),
            order: 0,
            last_arrival_us: 0,
            waited_us: Vec::new(),
        }
    }

    fn draw(&mut self, end: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 16) % end.max(1)
    }

    fn pass(&mut self, flow: usize, packet: Packet) {
        let waits_us = self.free_us.saturating_sub(self.now_us);
        let full = waits_us * self.path.rate / 1_000_000 > self.path.queue;
        if full || self.draw(1_000) < self.path.loss_per_mille {
            return;
        }
        self.waited_us.push(waits_us);
        self.free_us = self.free_us.max(self.now_us) + MTU * 1_000_000 / self.path.rate;
        let jitter_us = self.draw(self.path.jitter_us);
        let at_us = self.free_us + self.path.round_trip_us / 2 + jitter_us;
        self.last_arrival_us = self.last_arrival_us.max(at_us);
        self.order += 1;
        let key = (self.last_arrival_us, self.order);
        self.arrivals.insert(key, (flow, packet));
    }

    /// Runs on for so many milliseconds and gives each flow's bytes a second and the median wait.
    fn run(&mut self, ms: u64) -> (Vec<f64>, u64) {
        let before: Vec<u64> = self.flows.iter().map(|flow| flow.delivered).collect();
        self.waited_us.clear();
        let until_us = self.now_us + ms * 1_000;
        while self.now_us < until_us {
            self.step();
            self.now_us += 250;
        }
        let rates = self.flows.iter().zip(before);
        let rates = rates.map(|(flow, before)| (flow.delivered - before) as f64 * 1e3 / ms as f64);
        let rates = rates.collect();
        self.waited_us.sort_unstable();
        let median = self.waited_us.get(self.waited_us.len() / 2);
        (rates, median.copied().unwrap_or(0))
    }

    fn step(&mut self) {
        let now_us = self.now_us;
        while let Some(entry) = self.arrivals.first_entry().filter(|e| e.key().0 <= now_us) {
            let (flow, packet) = entry.remove();
            let flow = &mut self.flows[flow];
            if flow.received.is_empty() {
                flow.received_us = now_us;
            }
            flow.received.push(packet);
        }
        for n in 0..self.flows.len() {
            // Every ten packets or 5 ms.
            let flow = &mut self.flows[n];
            let due = flow.received.len() > 10 || flow.received_us + 5_000 <= now_us;
            if due && !flow.received.is_empty() {
                let packets = std::mem::take(&mut flow.received);
                self.order += 1;
                let key = (now_us + self.path.round_trip_us / 2, self.order);
                self.acknowledgements.insert(key, (n, packets));
            }
        }
        while let Some(entry) = self
            .acknowledgements
            .first_entry()
            .filter(|e| e.key().0 <= now_us)
        {
            let (flow, packets) = entry.remove();
            self.flows[flow].acknowledge(&packets, now_us);
        }
        for n in 0..self.flows.len() {
            self.flows[n].time_out(now_us);
            while self.flows[n].may_send(now_us) {
                let packet = self.flows[n].send(now_us);
                self.pass(n, packet);
            }
        }
    }
}

fn path(
    rate_bits: u64,
    round_trip_ms: u64,
    jitter_ms: u64,
    loss_per_mille: u64,
    queue: u64,
) -> Path {
    Path {
        rate: rate_bits / 8,
        round_trip_us: round_trip_ms * 1_000,
        jitter_us: jitter_ms * 1_000,
        loss_per_mille,
        queue,
    }
}

const FOREVER: u64 = u64::MAX;

/// Alone on the path: the share of its rate that is used, and the median wait in milliseconds, after two seconds.
fn alone(path: Path, control: Control) -> (f64, f64) {
    let mut line = Line::new(path, vec![Flow::new(control, 0, FOREVER)]);
    line.run(2_000);
    let (rates, waited_us) = line.run(15_000);
    let kept = 1.0 - path.loss_per_mille as f64 / 1e3;
    (
        rates[0] / (path.rate as f64 * kept.max(0.9)),
        waited_us as f64 / 1e3,
    )
}

/// Beside another, who was there before: the shares of both, and the median wait in milliseconds.
fn beside(path: Path, other: Control) -> (f64, f64, f64) {
    let flows = vec![
        Flow::new(Flow::ours(), 2_000_000, FOREVER),
        Flow::new(other, 0, FOREVER),
    ];
    let mut line = Line::new(path, flows);
    line.run(8_000);
    let (rates, waited_us) = line.run(30_000);
    let all = path.rate as f64;
    (rates[0] / all, rates[1] / all, waited_us as f64 / 1e3)
}

#[test]
fn losses_by_chance_cost_no_rate_and_queues_stay_short() {
    for (path, longest_ms) in [
        (path(20_000_000, 50, 0, 5, 625_000), 20.0),
        (path(8_000_000, 40, 20, 20, 250_000), 25.0),
        (path(2_000_000, 140, 20, 50, 65_000), 45.0),
        (path(8_000_000, 50, 0, 0, 250_000), 25.0),
        // Four packets, of which each takes 39 ms
        (path(300_000, 50, 0, 0, 65_000), 80.0),
        (path(300_000, 50, 0, 20, 65_000), 80.0),
    ] {
        let (used, waited_ms) = alone(path, Flow::ours());
        assert!(used > 0.95, "{used} used of {path:?}");
        assert!(waited_ms < longest_ms, "{waited_ms} ms in {path:?}");
    }
    // What CUBIC makes of the second and of the fifth
    let (used, _) = alone(path(8_000_000, 40, 20, 20, 250_000), Flow::cubic());
    assert!(used < 0.3, "{used}");
    let (_, waited_ms) = alone(path(300_000, 50, 0, 0, 65_000), Flow::cubic());
    assert!(waited_ms > 1_000.0, "{waited_ms}");
}

#[test]
fn a_queue_shorter_than_our_headroom_is_used_too() {
    let (used, _) = alone(path(8_000_000, 50, 0, 0, 10_000), Flow::ours());
    assert!(used > 0.85, "{used}");
}

#[test]
fn two_of_us_share() {
    for path in [
        path(8_000_000, 50, 0, 0, 250_000),
        path(8_000_000, 40, 20, 20, 250_000),
        path(2_000_000, 140, 20, 50, 65_000),
    ] {
        let (ours, other, waited_ms) = beside(path, Flow::ours());
        assert!(
            ours > 0.25 && other > 0.25,
            "{ours} and {other} of {path:?}"
        );
        assert!(waited_ms < 70.0, "{waited_ms} ms in {path:?}");
    }
}

#[test]
fn cubic_beside_us_has_its_share_and_we_have_ours() {
    for path in [
        path(8_000_000, 50, 0, 0, 50_000),
        path(8_000_000, 40, 20, 0, 100_000),
        path(8_000_000, 50, 0, 2, 100_000),
    ] {
        let (ours, cubic, _) = beside(path, Flow::cubic());
        assert!(
            ours > 0.25 && cubic > 0.25,
            "{ours} and {cubic} of {path:?}"
        );
    }
    // Where it fills a queue of five times what the path holds, we yield; but we go on.
    let (ours, cubic, _) = beside(path(8_000_000, 50, 0, 0, 250_000), Flow::cubic());
    assert!(ours > 0.05 && cubic > 0.5, "{ours} and {cubic}");
}

#[test]
fn a_path_that_changes_is_followed() {
    let mut line = Line::new(
        path(8_000_000, 50, 0, 0, 250_000),
        vec![Flow::new(Flow::ours(), 0, FOREVER)],
    );
    line.run(5_000);
    line.path.rate /= 8;
    line.run(4_000);
    let (_, waited_us) = line.run(4_000);
    assert!(waited_us < 80_000, "{waited_us}");
    line.path.rate *= 8;
    line.run(3_000);
    let (rates, waited_us) = line.run(4_000);
    assert!(rates[0] > 900_000.0, "{rates:?}");
    assert!(waited_us < 30_000, "{waited_us}");
    // Longer by half: another way through the network
    line.path.round_trip_us = 80_000;
    line.run(15_000);
    let (rates, _) = line.run(4_000);
    assert!(rates[0] > 800_000.0, "{rates:?}");
}

#[test]
fn a_program_that_sends_little_loses_no_window() {
    let mut model = Model::new(32 * 1_200, MTU);
    for n in 0..1_000 {
        let now_us = n * 100_000;
        model.sent(now_us, 300);
        // One in twenty is lost.
        if n % 20 == 19 {
            model.lost(300, false);
        } else {
            model.acked(now_us, 300);
            model.acks_end(now_us + 50_000, 0);
        }
    }
    assert!(model.window() >= 32 * 1_200, "{}", model.window());
}

#[test]
fn after_an_outage_it_begins_anew() {
    let mut model = Model::new(32 * 1_200, MTU);
    model.sent(0, MTU);
    model.lost(MTU, true);
    assert!(model.window() <= 4 * MTU);
    let mut line = Line::new(
        path(8_000_000, 50, 0, 0, 250_000),
        vec![Flow::new(Control::Ours(Box::new(model)), 0, FOREVER)],
    );
    line.run(2_000);
    let (rates, _) = line.run(2_000);
    assert!(rates[0] > 900_000.0, "{rates:?}");
}
