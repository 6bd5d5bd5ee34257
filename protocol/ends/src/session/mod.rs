//! A session after the handshake: records in, effects out (PROTOCOL.md §8). The agent's machine is the guard that
//! lets nothing act without a live grant; the technician's shows what comes and seals what is done.

mod agent;
mod early;
mod echo;
mod held;
mod lanes;
mod late;
mod receipts;
mod silence;
mod technician;
#[cfg(test)]
mod tests;

pub use agent::{AgentEffect, AgentSession};
pub use lanes::{AgentSays, Outgoing, TechnicianSays};
pub use receipts::{GIVE_UP_US, LIMIT_US};
pub use technician::{TechnicianEffect, TechnicianSession};

use serde::Serialize;
use sightline_protocol::record::{Class, FLAG_WHOLE, OVERHEAD};
use sightline_protocol::wire;

use crate::content::{Control, Layout, Scene};
use crate::seal::Sealer;

/// A technician who holds something down and is not heard for so long is believed gone: everything is let go of.
/// The session itself goes on, for the network may come back.
pub const SILENCE_US: u64 = 3_000_000;

/// A technician who owes an answer and is not heard for so long is silent: the user is told. Longer than the technician's
/// own [`SILENCE_US`], after which nothing more is clicked into a silent line: on this side nothing depends on it.
pub const TECHNICIAN_SILENT_US: u64 = 5_000_000;

/// While nothing happens on either side, the technician pings this often: for a hundred bytes the user learns within some
/// 15 s that nobody watches, and the technician within some 13 s that the picture is old.
pub const PING_AT_REST_US: u64 = 10_000_000;

/// Longest piece of a picture update in one record, in bytes: small enough that input and control, on other
/// streams, never wait behind it for long, large enough that the 64 bytes around it do not matter.
pub const PICTURE_PIECE: usize = 64 * 1024;

fn seal<T: Serialize>(sealer: &mut Sealer, content: &T, now_us: u64) -> Vec<u8> {
    sealer.seal(&wire::encode(content), 0, now_us)
}

/// Seals one picture update as its records, in order.
pub fn seal_update(sealer: &mut Sealer, frame: u64, update: &[u8], now_us: u64) -> Vec<Vec<u8>> {
    let pieces = update.chunks(PICTURE_PIECE);
    let count = pieces.len();
    pieces
        .enumerate()
        .map(|(n, piece)| {
            let content = Scene::Update {
                frame,
                last: n + 1 == count,
                bytes: piece.to_vec(),
            };
            seal(sealer, &content, now_us)
        })
        .collect()
}

/// Seals the screen's layout, at which playback can start: the pointer's shape and a whole picture must follow.
pub fn seal_start(sealer: &mut Sealer, layout: &Layout, now_us: u64) -> Vec<u8> {
    let scene = Scene::Layout(layout.clone());
    sealer.seal(&wire::encode(&scene), FLAG_WHOLE, now_us)
}

/// Seals any other content of the picture lane; `None` if it is too large for a record (an absurd pointer shape).
pub fn seal_scene(sealer: &mut Sealer, scene: &Scene, now_us: u64) -> Option<Vec<u8>> {
    let plaintext = wire::encode(scene);
    let fits = plaintext.len() + OVERHEAD <= Class::Picture.cap();
    fits.then(|| sealer.seal(&plaintext, 0, now_us))
}

fn bye(sealer: &mut Sealer, code: u16, now_us: u64) -> Vec<u8> {
    seal(sealer, &Control::Bye { code }, now_us)
}
