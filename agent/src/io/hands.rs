//! The hands' own thread: injecting may wait for the X server, and nothing else may wait with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::Input;
use sightline_program::clock::unix_ms;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::platform::{self, DesktopError, Hands};

enum Order {
    Act(Grant<kind::Control>, Input),
    /// Let go of everything, what was queued before included.
    Release,
}

/// Orders for the hands. Dropping it lets go of everything and ends the thread.
pub struct HandsThread {
    orders: Option<mpsc::Sender<Order>>,
    /// Let go of everything before the next order.
    release: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Inputs that may wait: half a second of a fast mouse. Beyond it the technician's lane waits ([`HandsThread::ready`]).
const QUEUE: usize = 512;

impl HandsThread {
    /// Starts the thread; what goes wrong in it arrives at `failed`.
    pub fn start(failed: UnboundedSender<DesktopError>) -> HandsThread {
        let (orders, inbox) = mpsc::channel(QUEUE);
        let release = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&release);
        let thread = thread::Builder::new().name("hands".into()).spawn(move || {
            if let Err(error) = run(inbox, &asked) {
                let _ = failed.send(error);
            }
        });
        HandsThread {
            orders: Some(orders),
            release,
            thread: thread.ok(),
        }
    }

    /// Waits until there is room for another order. May be cancelled.
    pub async fn ready(&self) {
        if let Some(orders) = &self.orders {
            // An error means dead hands, of which the session hears otherwise.
            let _ = orders.reserve().await;
        }
    }

    /// Never waits; what finds no room is dropped, which [`HandsThread::ready`] prevents.
    pub fn act(&self, grant: Grant<kind::Control>, input: Input) {
        self.order(Order::Act(grant, input));
    }

    /// Never waits: goes before everything that is queued.
    pub fn release_all(&self) {
        self.release.store(true, Ordering::Release);
        self.order(Order::Release);
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.try_send(order);
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

fn run(mut inbox: mpsc::Receiver<Order>, release: &AtomicBool) -> Result<(), DesktopError> {
    let mut hands = platform::open_hands()?;
    while let Some(order) = inbox.blocking_recv() {
        if release.swap(false, Ordering::AcqRel) {
            hands.release_all()?;
        }
        match order {
            Order::Act(grant, input) => act(&mut *hands, &grant, input)?,
            Order::Release => hands.release_all()?,
        }
    }
    hands.release_all()
}

/// The grant may have died while the order waited, or may die between two characters of a long text.
fn act(
    hands: &mut dyn Hands,
    grant: &Grant<kind::Control>,
    input: Input,
) -> Result<(), DesktopError> {
    let alive = || grant.check(unix_ms()).is_ok();
    match input {
        Input::Text(text) => {
            for character in text.chars().take_while(|_| alive()) {
                hands.inject(grant, &Input::Text(character.into()))?;
            }
            Ok(())
        }
        input if alive() => hands.inject(grant, &input),
        _ => Ok(()),
    }
}
