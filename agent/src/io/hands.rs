//! The hands' own thread: injecting may wait for the X server, and nothing else may wait with it.

use std::sync::mpsc;
use std::thread;

use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::Input;
use sightline_program::clock::unix_ms;
use tokio::sync::mpsc::UnboundedSender;

use crate::platform::{self, DesktopError};

enum Order {
    Act(Grant<kind::Control>, Input),
    ReleaseAll,
}

/// Orders for the hands. Dropping it lets go of everything and ends the thread.
pub struct HandsThread {
    orders: Option<mpsc::SyncSender<Order>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Inputs that may wait: half a second of a fast mouse. Beyond it, whoever sends waits too.
const QUEUE: usize = 512;

impl HandsThread {
    /// Starts the thread; what goes wrong in it arrives at `failed`.
    pub fn start(failed: UnboundedSender<DesktopError>) -> HandsThread {
        let (orders, inbox) = mpsc::sync_channel(QUEUE);
        let thread = thread::Builder::new().name("hands".into()).spawn(move || {
            if let Err(error) = run(&inbox) {
                let _ = failed.send(error);
                // Drains the orders until the session ends, so that nobody waits for dead hands.
                inbox.iter().for_each(drop);
            }
        });
        HandsThread {
            orders: Some(orders),
            thread: thread.ok(),
        }
    }

    pub fn act(&self, grant: Grant<kind::Control>, input: Input) {
        self.order(Order::Act(grant, input));
    }

    pub fn release_all(&self) {
        self.order(Order::ReleaseAll);
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }
}

impl Drop for HandsThread {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(inbox: &mpsc::Receiver<Order>) -> Result<(), DesktopError> {
    let mut hands = platform::open_hands()?;
    for order in inbox {
        match order {
            // The grant may have died while the order waited.
            Order::Act(grant, input) if grant.check(unix_ms()).is_ok() => {
                hands.inject(&grant, &input)?;
            }
            Order::Act(..) => {}
            Order::ReleaseAll => hands.release_all()?,
        }
    }
    hands.release_all()
}
