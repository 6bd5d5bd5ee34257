//! An update's outside: its head, its sections, and the numbers in them.

use crate::PictureError;
use crate::bits::take_varint;
use crate::wire::{KIND_DELTA, KIND_WHOLE, VERSION, VERSION_2};

/// An update's first bytes.
#[derive(Clone, Copy)]
pub(super) enum Head {
    Whole { width: u32, height: u32 },
    Delta { number: u8 },
}

impl Head {
    /// The head and the three sections.
    pub(super) fn parse(update: &[u8]) -> Result<(Head, [&[u8]; 3]), PictureError> {
        let mut rest = update;
        let version = take(&mut rest)?;
        if ![VERSION, VERSION_2].contains(&version) {
            return Err(PictureError::Version(version));
        }
        let head = match (take(&mut rest)?, take(&mut rest)?) {
            (KIND_DELTA, number) => Head::Delta { number },
            (KIND_WHOLE, 0) => Head::Whole {
                width: number(|| take(&mut rest))?,
                height: number(|| take(&mut rest))?,
            },
            _ => return Err(PictureError::Malformed("unknown kind")),
        };
        let ops = take_section(&mut rest)?;
        let residuals = take_section(&mut rest)?;
        let pictures = take_section(&mut rest)?;
        if !rest.is_empty() {
            return Err(PictureError::Trailing);
        }
        Ok((head, [ops, residuals, pictures]))
    }

    /// The number of the delta that goes on from here.
    pub(super) fn next(self) -> u8 {
        match self {
            Head::Whole { .. } => 1,
            Head::Delta { number } => number.wrapping_add(1),
        }
    }
}

fn take(rest: &mut &[u8]) -> Result<u8, PictureError> {
    let (&byte, tail) = rest.split_first().ok_or(PictureError::Truncated)?;
    *rest = tail;
    Ok(byte)
}

pub(super) fn take_section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], PictureError> {
    let length = number(|| take(rest))?;
    let (section, tail) = rest
        .split_at_checked(length as usize)
        .ok_or(PictureError::Truncated)?;
    *rest = tail;
    Ok(section)
}

pub(super) fn number(next: impl FnMut() -> Result<u8, PictureError>) -> Result<u32, PictureError> {
    take_varint(next)?.ok_or(PictureError::Malformed("number too long"))
}
