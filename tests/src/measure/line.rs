//! The lines on which we are measured.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use super::Samples;
use crate::proxy::{Conditions, Proxy};

/// Between two datagrams of the echo.
const GAP: Duration = Duration::from_millis(20);
/// An echo that takes longer was lost.
const LOST: Duration = Duration::from_secs(1);

/// A line between a program and the relay.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub name: &'static str,
    /// There and back on the empty line, and how much it varies each way from that: ±.
    pub round_trip_ms: u64,
    pub varies_ms: u64,
    pub loss_per_mille: u16,
    /// Bits a second, each way.
    pub bits: u64,
    pub wanted: Wanted,
}

/// What is wanted of the programs on a line.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub echo: Echo,
    /// Pictures are never older than a second.
    pub fresh: bool,
}

/// How long half of the key presses may take to their pixels.
#[derive(Clone, Copy, Debug)]
pub enum Echo {
    Any,
    WithinMs(u64),
    /// So many tenths of the line's own round trip.
    Tenths(u32),
}

impl Wanted {
    /// The longest median from key to pixel on a line with these round trips of its own.
    pub fn echo(&self, line: &Samples) -> Option<Duration> {
        match self.echo {
            Echo::Any => None,
            Echo::WithinMs(most) => Some(Duration::from_millis(most)),
            Echo::Tenths(tenths) => Some(line.percentile(50) * tenths / 10),
        }
    }
}

/// Every line is measured in this order.
pub const LINES: [Line; 5] = [
    Line {
        name: "50 ms, 0.5 %, 20 Mbit/s",
        round_trip_ms: 50,
        varies_ms: 0,
        loss_per_mille: 5,
        bits: 20_000_000,
        wanted: Wanted {
            echo: Echo::WithinMs(55),
            fresh: false,
        },
    },
    Line {
        name: "50 ± 10 ms, 2 %, 8 Mbit/s",
        round_trip_ms: 50,
        varies_ms: 10,
        loss_per_mille: 20,
        bits: 8_000_000,
        wanted: Wanted {
            echo: Echo::Tenths(13),
            fresh: false,
        },
    },
    Line {
        name: "150 ± 10 ms, 5 %, 2 Mbit/s",
        round_trip_ms: 150,
        varies_ms: 10,
        loss_per_mille: 50,
        bits: 2_000_000,
        wanted: Wanted {
            echo: Echo::Tenths(13),
            fresh: true,
        },
    },
    Line {
        name: "50 ms, 300 kbit/s",
        round_trip_ms: 50,
        varies_ms: 0,
        loss_per_mille: 0,
        bits: 300_000,
        wanted: Wanted {
            echo: Echo::Tenths(13),
            fresh: false,
        },
    },
    Line {
        name: "no limits",
        round_trip_ms: 0,
        varies_ms: 0,
        loss_per_mille: 0,
        bits: 0,
        wanted: Wanted {
            echo: Echo::Any,
            fresh: false,
        },
    },
];

/// Bytes that wait on a line, at least: what a cheap router's queue holds, 1.7 s at 300 kbit/s.
const QUEUE: u64 = 64 << 10;

impl Line {
    /// The queue holds a quarter of a second. Half of the round trip is each way's, and each way varies from
    /// `-varies / 2` to `+varies / 2`.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            delay: Duration::from_micros((self.round_trip_ms - self.varies_ms) * 500),
            jitter: Duration::from_millis(self.varies_ms),
            loss_per_mille: self.loss_per_mille,
            rate: (self.bits > 0).then_some(self.bits / 8),
            queue: (self.bits / 8 / 4).max(QUEUE),
            ..Conditions::default()
        }
    }

    /// The line's own round trips, by small datagrams that find it empty.
    pub fn round_trips(&self, count: u32) -> anyhow::Result<Samples> {
        let echo = UdpSocket::bind("127.0.0.1:0")?;
        let proxy = Proxy::start(&echo.local_addr()?.to_string(), 5)?;
        proxy.set(self.conditions());
        thread::spawn(move || {
            let mut buffer = [0; 256];
            while let Ok((length, from)) = echo.recv_from(&mut buffer) {
                let _ = echo.send_to(&buffer[..length], from);
                if length == 1 {
                    return;
                }
            }
        });
        let client = UdpSocket::bind("127.0.0.1:0")?;
        client.connect(proxy.address())?;
        client.set_read_timeout(Some(LOST))?;
        let (mut samples, mut buffer) = (Samples::default(), [0; 256]);
        for _ in 0..count {
            let sent = Instant::now();
            client.send(&[0; 200])?;
            if client.recv(&mut buffer).is_ok() {
                samples.add(sent.elapsed());
            }
            thread::sleep(GAP);
        }
        proxy.set(Conditions::default());
        client.send(&[0])?; // lets the echo end
        Ok(samples)
    }
}
