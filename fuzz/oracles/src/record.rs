//! Record headers.

use sightline_ends::seal::{AGENT_PICTURE, Sealer, TECHNICIAN_INPUT};
use sightline_protocol::record::{FLAG_WHOLE, HEADER, Header, OVERHEAD};

use crate::people;

pub fn check(data: &[u8]) {
    let Some(bytes) = data.first_chunk::<HEADER>() else {
        return;
    };
    if let Ok(header) = Header::parse(bytes) {
        assert_eq!(header.encode(), *bytes);
        let length = header.length as usize;
        assert!((OVERHEAD..=header.class.cap()).contains(&length));
        assert_eq!(header.record_length(), HEADER + length);
    }
}

/// Two sealed records of different lanes.
pub fn seeds() -> Vec<Vec<u8>> {
    let keys = people::keys();
    [AGENT_PICTURE, TECHNICIAN_INPUT]
        .into_iter()
        .filter_map(|id| Sealer::new(&keys, id, 0))
        .map(|mut sealer| sealer.seal(b"content", FLAG_WHOLE, 70_000))
        .collect()
}
