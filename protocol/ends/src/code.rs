//! The session code: a public nameplate and a secret that never leaves the two ends (PROTOCOL.md §1).

use std::fmt;

use sightline_protocol::id::Nameplate;
use zeroize::Zeroizing;

use crate::rng::Randomness;

/// Random digits of a secret: 30 bits, of which an attacker gets one guess.
const SECRET_DIGITS: usize = 9;
const NAMEPLATE_DIGITS: usize = 5;
const CODE_DIGITS: usize = NAMEPLATE_DIGITS + SECRET_DIGITS + 1;

/// The part of a code that only the two ends know. Wiped when dropped; no `Debug`, no `Display`, no `Serialize`.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; SECRET_DIGITS]>);

impl Secret {
    /// The digits as ASCII: the password of the key exchange.
    pub(crate) fn digits(&self) -> &[u8] {
        &self.0[..]
    }
}

/// A whole session code.
#[derive(Clone)]
pub struct SessionCode {
    pub nameplate: Nameplate,
    pub secret: Secret,
}

/// Why typed text is not a session code. Says nothing of the digits themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    #[error("a code has 15 digits, such as 48213-507-219-884-5; this has {0}")]
    Length(usize),
    #[error("a code has only digits, spaces and hyphens")]
    Character,
    #[error(
        "the digits do not fit together: one is mistyped or two are swapped; the code is still good, try again"
    )]
    Check,
}

impl SessionCode {
    /// A code for this nameplate with a fresh secret.
    pub fn draw(nameplate: Nameplate, rng: &mut dyn Randomness) -> SessionCode {
        let mut digits = Zeroizing::new([0; SECRET_DIGITS]);
        for digit in digits.iter_mut() {
            *digit = b'0' + draw_digit(rng);
        }
        SessionCode {
            nameplate,
            secret: Secret(digits),
        }
    }

    /// Reads what a person typed. The check digit is verified here, so that a typing error burns no code.
    pub fn parse(text: &str) -> Result<SessionCode, CodeError> {
        let mut digits = Zeroizing::new(Vec::with_capacity(CODE_DIGITS));
        for c in text.trim().chars() {
            match c {
                '0'..='9' => digits.push(c as u8),
                '-' | ' ' | '\u{2010}'..='\u{2015}' | '\u{a0}' => {}
                _ => return Err(CodeError::Character),
            }
        }
        if digits.len() != CODE_DIGITS {
            return Err(CodeError::Length(digits.len()));
        }
        if damm(&digits) != 0 {
            return Err(CodeError::Check);
        }
        let number = digits[..NAMEPLATE_DIGITS]
            .iter()
            .fold(0, |n, d| n * 10 + u32::from(d - b'0'));
        let mut secret = Zeroizing::new([0; SECRET_DIGITS]);
        secret.copy_from_slice(&digits[NAMEPLATE_DIGITS..CODE_DIGITS - 1]);
        Ok(SessionCode {
            nameplate: Nameplate::new(number).ok_or(CodeError::Check)?,
            secret: Secret(secret),
        })
    }

    /// The code in groups, to be shown to the user and read out: `48213-507-219-884-5`. Secret.
    pub fn reveal(&self) -> Zeroizing<String> {
        let secret = self.secret.digits();
        let mut digits = Zeroizing::new(self.nameplate.to_string().into_bytes());
        digits.extend_from_slice(secret);
        let check = damm(&digits);
        let group = |from: usize| std::str::from_utf8(&secret[from..from + 3]).unwrap_or_default();
        Zeroizing::new(format!(
            "{}-{}-{}-{}-{check}",
            self.nameplate,
            group(0),
            group(3),
            group(6)
        ))
    }
}

/// A digit, every one as likely: bytes from 250 up are drawn again.
fn draw_digit(rng: &mut dyn Randomness) -> u8 {
    loop {
        let mut byte = [0];
        rng.fill(&mut byte);
        if byte[0] < 250 {
            return byte[0] % 10;
        }
    }
}

/// The check digit of H. M. Damm (2004): finds every wrong digit and every swap of neighbours. 0 when the last
/// digit is the check digit of those before it.
fn damm(digits: &[u8]) -> u8 {
    const TABLE: [[u8; 10]; 10] = [
        [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
        [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
        [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
        [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
        [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
        [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
        [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
        [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
        [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
        [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
    ];
    digits.iter().fold(0, |interim, digit| {
        TABLE[usize::from(interim)][usize::from(digit - b'0')]
    })
}

impl fmt::Debug for SessionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionCode({}-…)", self.nameplate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counting;

    #[test]
    fn what_is_shown_can_be_typed() {
        for seed in 0..200 {
            let nameplate = Nameplate::new(10_000 + seed * 449).unwrap();
            let code = SessionCode::draw(nameplate, &mut Counting::new(u64::from(seed)));
            let shown = code.reveal();
            assert_eq!(shown.len(), "48213-507-219-884-5".len());
            let typed = SessionCode::parse(&shown.replace('-', " ")).unwrap();
            assert_eq!(typed.nameplate, nameplate);
            assert_eq!(typed.secret.digits(), code.secret.digits());
        }
    }

    #[test]
    fn every_wrong_digit_and_every_swap_is_found() {
        let code = SessionCode::draw(Nameplate::new(48_213).unwrap(), &mut Counting::new(1));
        let shown: Vec<char> = code.reveal().chars().filter(|c| *c != '-').collect();
        for at in 0..CODE_DIGITS {
            for digit in '0'..='9' {
                let mut typed = shown.clone();
                typed[at] = digit;
                let result = SessionCode::parse(&typed.iter().collect::<String>());
                assert_eq!(result.is_ok(), typed == shown);
            }
            if at > 0 {
                let mut typed = shown.clone();
                typed.swap(at - 1, at);
                let result = SessionCode::parse(&typed.iter().collect::<String>());
                assert_eq!(result.is_ok(), typed == shown);
            }
        }
    }

    #[test]
    fn what_is_not_a_code_is_told_apart() {
        assert_eq!(SessionCode::parse("123").err(), Some(CodeError::Length(3)));
        assert_eq!(SessionCode::parse("").err(), Some(CodeError::Length(0)));
        assert_eq!(
            SessionCode::parse("hello").err(),
            Some(CodeError::Character)
        );
        assert!(SessionCode::parse(&"9".repeat(1000)).is_err());
    }
}
