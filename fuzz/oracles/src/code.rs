//! Typed session codes.

use sightline_ends::code::SessionCode;

use crate::people::{self, Counting};

pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(code) = SessionCode::parse(&text) {
        let shown = code.reveal();
        let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
        assert_eq!(digits(&shown), digits(&text));
        let again = SessionCode::parse(&shown).expect("what is shown can be typed");
        assert_eq!(again.nameplate, code.nameplate);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    (0..4)
        .map(|seed| SessionCode::draw(people::nameplate(), &mut Counting::new(seed)))
        .map(|code| code.reveal().as_bytes().to_vec())
        .collect()
}
