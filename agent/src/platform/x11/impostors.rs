//! Watches for programs that press buttons in the name of somebody's real device.
//!
//! XTEST has two ways in: its own devices, which XInput 2 tells apart, and an older one that speaks for any device; the
//! server then reports that device as the source. Such a request can only be seen on its way in, by the
//! RECORD extension. It is asked for nothing else, and hears no key or button of the user.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::record::{self, ConnectionExt as _};
use x11rb::protocol::xtest;
use x11rb::rust_connection::RustConnection;

use super::super::DesktopError;
use super::connect;
use crate::platform::wake::Waker;

/// XTEST's request to simulate an event.
const FAKE_INPUT: u8 = 2;
/// What RECORD says of a piece of data: what a client asked for, and that recording has begun.
const FROM_CLIENT: u8 = 1;
const BEGINS: u8 = 4;
/// Starting takes one round trip.
const START: Duration = Duration::from_secs(2);

/// Counts impostors as long as it lives.
pub struct Impostors {
    shared: Arc<Shared>,
    context: record::Context,
}

#[derive(Default)]
struct Shared {
    count: AtomicU32,
    blind: AtomicBool,
}

impl Impostors {
    /// Starts watching. An error where the server does not let us; it may then have no XTEST either.
    pub fn watch(display: Option<&str>, waker: Waker) -> Result<Impostors, DesktopError> {
        let (conn, _) = connect(display)?;
        let xtest = conn.extension_information(xtest::X11_EXTENSION_NAME)?;
        let major = xtest.map_or(0, |extension| extension.major_opcode);
        let context = conn.generate_id()?;
        let range = record::Range {
            ext_requests: record::ExtRange {
                major: record::Range8 {
                    first: major,
                    last: major,
                },
                minor: record::Range16 {
                    first: FAKE_INPUT.into(),
                    last: FAKE_INPUT.into(),
                },
            },
            ..record::Range::default()
        };
        let everyone = [record::CS::ALL_CLIENTS.into()];
        conn.record_create_context(context, 0, &everyone, &[range])?
            .check()?;
        let shared = Arc::new(Shared::default());
        let (begun, begins) = mpsc::channel();
        let thread_shared = Arc::clone(&shared);
        thread::Builder::new()
            .name("impostors".into())
            .spawn(move || {
                listen(&conn, context, &thread_shared, &waker, &begun);
                // Recording has ended: because the window has, or because a program ended it.
                thread_shared.blind.store(true, Ordering::Release);
                waker.wake();
            })?;
        begins.recv_timeout(START).map_err(|_| {
            DesktopError::Unsupported("the X server does not record requests".into())
        })?;
        Ok(Impostors { shared, context })
    }

    /// How many were seen since the start.
    pub fn seen(&self) -> u32 {
        self.shared.count.load(Ordering::Acquire)
    }

    /// It sees nothing any more.
    pub fn is_blind(&self) -> bool {
        self.shared.blind.load(Ordering::Acquire)
    }

    /// Ends it, over another connection: its own only listens.
    pub fn end(&self, conn: &RustConnection) {
        if let Ok(cookie) = conn.record_disable_context(self.context) {
            cookie.ignore_error();
        }
        // An error means that the server is gone, and recording with it.
        let _ = conn.flush();
    }
}

/// Takes in what RECORD tells until it ends.
fn listen(
    conn: &RustConnection,
    context: record::Context,
    shared: &Shared,
    waker: &Waker,
    begun: &mpsc::Sender<()>,
) {
    let Ok(replies) = conn.record_enable_context(context) else {
        return;
    };
    for reply in replies {
        match reply {
            Ok(reply) if reply.category == BEGINS => {
                // Nobody waits for it any more after START.
                let _ = begun.send(());
            }
            Ok(reply) if reply.category == FROM_CLIENT => {
                let count = impostors(&reply.data, reply.client_swapped);
                if count > 0 {
                    shared.count.fetch_add(count, Ordering::AcqRel);
                    waker.wake();
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// How many of these FakeInput requests speak for a device. What cannot be read counts as one.
fn impostors(mut data: &[u8], swapped: bool) -> u32 {
    let mut count = 0;
    while !data.is_empty() {
        let Some(length) = data.get(2..4) else {
            return count + 1;
        };
        let length = [length[0], length[1]];
        let words = match swapped {
            true => u16::from_ne_bytes(length).swap_bytes(),
            false => u16::from_ne_bytes(length),
        };
        let (Some(kind), Some(rest)) = (data.get(4), data.get(usize::from(words) * 4..)) else {
            return count + 1;
        };
        // 2 to 6 are the core events; they come from XTEST's own devices.
        count += u32::from(!matches!(kind, 2..=6));
        if words == 0 {
            return count + 1;
        }
        data = rest;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let request = |kind: u8| {
            let mut bytes = vec![132, FAKE_INPUT];
            bytes.extend(9u16.to_ne_bytes());
            bytes.push(kind);
            bytes.resize(36, 0);
            bytes
        };
        let two = [request(4), request(72)].concat();
        assert_eq!(impostors(&request(4), false), 0);
        assert_eq!(impostors(&two, false), 1);
        assert_eq!(impostors(&[], false), 0);
        for broken in [&two[..3], &two[..50], &[132, 2, 0, 0, 4, 0]] {
            assert!(impostors(broken, false) > 0);
        }
        let mut swapped = request(4);
        swapped[2..4].copy_from_slice(&9u16.swap_bytes().to_ne_bytes());
        assert_eq!(impostors(&swapped, true), 0);
    }
}
