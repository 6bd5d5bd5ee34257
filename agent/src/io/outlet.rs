//! Where the picture's thread seals its records and leaves them to be sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sightline_ends::seal::Sealer;
use tokio::sync::mpsc::UnboundedSender;

/// A lane's sealer and the queue of what it sealed. Sealing and queueing are one step under its lock: once it is shut, all
/// that was ever sealed is queued and nothing more will be, even if the thread that feeds it hangs somewhere else. So
/// a checkpoint that is signed then fits what is sent.
pub struct Outlet<T>(Mutex<Option<(Sealer, UnboundedSender<T>)>>);

impl<T: From<Vec<u8>>> Outlet<T> {
    pub fn new(sealer: Sealer, queue: UnboundedSender<T>) -> Outlet<T> {
        Outlet(Mutex::new(Some((sealer, queue))))
    }

    /// Queues the records that `seal` makes; once it is shut, `seal` is not called.
    pub fn send<R: IntoIterator<Item = Vec<u8>>>(&self, seal: impl FnOnce(&mut Sealer) -> R) {
        if let Some((sealer, queue)) = self.lock().as_mut() {
            for record in seal(sealer) {
                let _ = queue.send(record.into());
            }
        }
    }

    pub fn shut(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Sealer, UnboundedSender<T>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use sightline_ends::keys::ClassKeys;
    use sightline_ends::seal::AGENT_PICTURE;
    use sightline_protocol::id::SessionId;
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn what_was_sealed_when_it_is_shut_is_all_that_is_ever_queued() {
        for round in 0..50 {
            let keys = ClassKeys::derive(SessionId([1; 16]), 0, &[2; 32].into(), &[3; 32]);
            let sealer = Sealer::new(&keys, AGENT_PICTURE, 0).expect("an end's keys");
            let (watch, (queue, mut queued)) = (sealer.watch(), mpsc::unbounded_channel());
            let outlet = Outlet::<Vec<u8>>::new(sealer, queue);
            thread::scope(|scope| {
                scope.spawn(|| {
                    for now in 0..200 {
                        outlet.send(|sealer| [(); 5].map(|()| sealer.seal(b"picture", 0, now)));
                    }
                });
                thread::sleep(Duration::from_micros(20 * round));
                outlet.shut();
                let sealed = watch.chain().records;
                let mut sent = 0;
                while queued.try_recv().is_ok() {
                    sent += 1;
                }
                assert_eq!((sent, sent % 5), (sealed, 0));
            });
            assert!(queued.try_recv().is_err(), "sealed after it was shut");
        }
    }
}
