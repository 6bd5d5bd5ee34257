//! Drawing values from a string of bytes; when they are used up, everything is 0.

pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8]) -> Bytes<'a> {
        Bytes(data)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// A `u16` length and as many bytes, or what is left.
    pub fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.u16()).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        piece
    }
}

/// The inverse of [`Bytes::piece`], for seeds.
pub fn pieces<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut data = Vec::new();
    for part in parts {
        let length = u16::try_from(part.len()).expect("seeds are short");
        data.extend_from_slice(&length.to_le_bytes());
        data.extend_from_slice(part);
    }
    data
}
