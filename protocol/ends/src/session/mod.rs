//! A session after the handshake: records in, effects out (PROTOCOL.md §8). The agent's machine is the guard that
//! lets nothing act without a live grant; the technician's shows what comes and seals what is done.

mod agent;
mod technician;
#[cfg(test)]
mod tests;

pub use agent::{AgentEffect, AgentSession};
pub use technician::{TechnicianEffect, TechnicianSession};

use serde::Serialize;
use sightline_protocol::wire;

use crate::content::{Control, Scene};
use crate::seal::Sealer;

/// Longest piece of a picture update in one record, in bytes: small enough that input and control, on other
/// streams, never wait behind it for long, large enough that the 64 bytes around it do not matter.
pub const PICTURE_PIECE: usize = 64 * 1024;

fn seal<T: Serialize>(sealer: &mut Sealer, content: &T, now_us: u64) -> Vec<u8> {
    sealer.seal(&wire::encode(content), 0, now_us)
}

/// Seals one picture update as its records, in order. `whole`: playback can start at it.
pub fn seal_update(
    sealer: &mut Sealer,
    frame: u64,
    update: &[u8],
    whole: bool,
    now_us: u64,
) -> Vec<Vec<u8>> {
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
            let flags = if whole && n == 0 {
                sightline_protocol::record::FLAG_WHOLE
            } else {
                0
            };
            sealer.seal(&wire::encode(&content), flags, now_us)
        })
        .collect()
}

/// Seals any other content of the picture lane.
pub fn seal_scene(sealer: &mut Sealer, scene: &Scene, now_us: u64) -> Vec<u8> {
    seal(sealer, scene, now_us)
}

fn bye(sealer: &mut Sealer, code: u16, now_us: u64) -> Vec<u8> {
    seal(sealer, &Control::Bye { code }, now_us)
}
