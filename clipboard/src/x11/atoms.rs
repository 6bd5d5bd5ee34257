//! Names of forms on X11, and contents as programs there write them.

use sightline_ends::content::Form;
use x11rb::protocol::xproto::{Atom, AtomEnum};

x11rb::atom_manager! {
    pub Atoms: AtomsCookie {
        CLIPBOARD,
        TARGETS,
        TIMESTAMP,
        INCR,
        UTF8_STRING,
        TEXT,
        TEXT_PLAIN_UTF8: b"text/plain;charset=utf-8",
        TEXT_PLAIN: b"text/plain",
        TEXT_HTML: b"text/html",
        IMAGE_PNG: b"image/png",
        // KeePassXC, KWallet, 1Password, Bitwarden and others say by it that this is a secret.
        PASSWORD_HINT: b"x-kde-passwordManagerHint",
        SIGHTLINE_READ_0,
        SIGHTLINE_READ_1,
        SIGHTLINE_READ_2,
        SIGHTLINE_READ_3,
    }
}

impl Atoms {
    /// Properties for what is read, used in turn: a late answer is not taken for that to a later question.
    pub fn property(&self, turn: usize) -> Atom {
        [
            self.SIGHTLINE_READ_0,
            self.SIGHTLINE_READ_1,
            self.SIGHTLINE_READ_2,
            self.SIGHTLINE_READ_3,
        ][turn % 4]
    }

    /// Under which names a form is offered, the one asked for first in front.
    pub fn targets(&self, form: Form) -> Vec<Atom> {
        match form {
            Form::Text => vec![
                self.UTF8_STRING,
                self.TEXT_PLAIN_UTF8,
                self.TEXT_PLAIN,
                self.TEXT,
                AtomEnum::STRING.into(),
            ],
            Form::Html => vec![self.TEXT_HTML],
            Form::Png => vec![self.IMAGE_PNG],
        }
    }

    /// The form of that name.
    pub fn form(&self, target: Atom) -> Option<Form> {
        let is = |form: &Form| self.targets(*form).contains(&target);
        Form::ALL.into_iter().find(is)
    }
}

/// The forms among these names; none if a password manager says that it is a secret.
pub fn forms_of(atoms: &Atoms, targets: &[Atom]) -> Vec<Form> {
    if targets.contains(&atoms.PASSWORD_HINT) {
        return Vec::new();
    }
    let has = |form: &Form| readable(atoms, *form, targets).is_some();
    Form::ALL.into_iter().filter(has).collect()
}

/// Under which of these names a form is read. `TEXT` is left out: its encoding is the other program's choice.
pub fn readable(atoms: &Atoms, form: Form, targets: &[Atom]) -> Option<Atom> {
    let names = atoms.targets(form).into_iter();
    names
        .filter(|name| *name != atoms.TEXT)
        .find(|name| targets.contains(name))
}

/// A content in our encoding, from what a program there wrote under that name.
pub fn from_target(form: Form, latin1: bool, mut bytes: Vec<u8>) -> Vec<u8> {
    if form == Form::Png {
        return bytes;
    }
    // Some programs count the end of a C string.
    while bytes.last() == Some(&0) && !utf16(&bytes) {
        bytes.pop();
    }
    if latin1 {
        return bytes
            .iter()
            .copied()
            .map(char::from)
            .collect::<String>()
            .into();
    }
    if form == Form::Html && utf16(&bytes) {
        // Mozilla's programs write HTML so.
        let units = bytes[2..].chunks_exact(2);
        let units: Vec<u16> = units
            .map(|two| u16::from_le_bytes([two[0], two[1]]))
            .collect();
        let text = String::from_utf16_lossy(&units);
        return text.trim_end_matches('\0').as_bytes().to_vec();
    }
    bytes
}

fn utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe])
}

/// Text as Latin-1, for programs that know nothing else.
pub fn latin1(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_write_becomes_utf_8() {
        let text = |latin1, bytes: &[u8]| from_target(Form::Text, latin1, bytes.to_vec());
        assert_eq!(text(false, "Grüße\0".as_bytes()), "Grüße".as_bytes());
        assert_eq!(text(true, b"Gr\xfc\xdfe"), "Grüße".as_bytes());
        let utf16: Vec<u8> = "\u{feff}<b>ü</b>\0"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(from_target(Form::Html, false, utf16), "<b>ü</b>".as_bytes());
        let png = b"\x89PNG\0\0".to_vec();
        assert_eq!(from_target(Form::Png, false, png.clone()), png);
        assert_eq!(latin1("Grüße €".as_bytes()), b"Gr\xfc\xdfe ?");
    }
}
