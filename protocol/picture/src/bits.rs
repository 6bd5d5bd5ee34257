//! Varints, and indices packed into bits.

/// Appends `value` as LEB128.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A difference as a number that is small when it is near zero.
pub(crate) fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

/// Undoes [`zigzag`].
pub(crate) fn unzigzag(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

/// Reads a varint from bytes that `next` gives one at a time; `None` inside when it is longer than a `u32`.
pub(crate) fn take_varint<E>(mut next: impl FnMut() -> Result<u8, E>) -> Result<Option<u32>, E> {
    let mut value = 0u64;
    for shift in (0..35).step_by(7) {
        let byte = next()?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(u32::try_from(value).ok());
        }
    }
    Ok(None)
}

/// Bytes of a line of `count` indices of 2^`depth` bits.
pub(crate) fn packed_length(count: usize, depth: u8) -> usize {
    (count << depth).div_ceil(8)
}

/// Appends one line of indices, each below 2^(2^depth), lowest bits first.
pub(crate) fn pack(indices: &[u16], depth: u8, out: &mut Vec<u8>) {
    match depth {
        0 => pack_group::<8>(indices, out),
        1 => pack_group::<4>(indices, out),
        2 => pack_group::<2>(indices, out),
        3 => out.extend(indices.iter().map(|&index| index as u8)),
        _ => out.extend(indices.iter().flat_map(|index| index.to_le_bytes())),
    }
}

fn pack_group<const PER_BYTE: usize>(indices: &[u16], out: &mut Vec<u8>) {
    let (groups, rest) = indices.as_chunks::<PER_BYTE>();
    out.extend(groups.iter().map(join));
    if !rest.is_empty() {
        let mut last = [0; PER_BYTE];
        last[..rest.len()].copy_from_slice(rest);
        out.push(join(&last));
    }
}

fn join<const PER_BYTE: usize>(group: &[u16; PER_BYTE]) -> u8 {
    let bits = 8 / PER_BYTE;
    (0..PER_BYTE).fold(0, |byte, i| byte | (group[i] as u8) << (i * bits))
}

/// Undoes [`pack`]: fills `indices` from `packed`, which has [`packed_length`] bytes.
pub(crate) fn unpack(packed: &[u8], depth: u8, indices: &mut [u16]) {
    match depth {
        0 => unpack_group::<8>(packed, indices),
        1 => unpack_group::<4>(packed, indices),
        2 => unpack_group::<2>(packed, indices),
        3 => unpack_group::<1>(packed, indices),
        _ => {
            for (index, bytes) in indices.iter_mut().zip(packed.as_chunks().0) {
                *index = u16::from_le_bytes(*bytes);
            }
        }
    }
}

fn unpack_group<const PER_BYTE: usize>(packed: &[u8], indices: &mut [u16]) {
    let (groups, rest) = indices.as_chunks_mut::<PER_BYTE>();
    for (group, &byte) in groups.iter_mut().zip(packed) {
        *group = split(byte);
    }
    if let (false, Some(&byte)) = (rest.is_empty(), packed.last()) {
        rest.copy_from_slice(&split::<PER_BYTE>(byte)[..rest.len()]);
    }
}

fn split<const PER_BYTE: usize>(byte: u8) -> [u16; PER_BYTE] {
    let bits = 8 / PER_BYTE;
    let mask = (1u16 << bits) - 1;
    std::array::from_fn(|i| u16::from(byte) >> (i * bits) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut rest = bytes.into_iter();
            assert_eq!(take_varint(|| rest.next().ok_or(())), Ok(Some(value)));
            assert_eq!(rest.next(), None);
        }
    }

    #[test]
    fn differences_come_back() {
        for value in [0, -1, 1, 700, -700, i32::MAX, i32::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
        assert_eq!(zigzag(-1), 1);
    }

    #[test]
    fn too_long_varints_are_refused() {
        for bytes in [
            [0xFF, 0xFF, 0xFF, 0xFF, 0x1F],
            [0x80, 0x80, 0x80, 0x80, 0x80],
        ] {
            let mut rest = bytes.into_iter();
            assert_eq!(take_varint(|| rest.next().ok_or(())), Ok(None));
        }
    }

    #[test]
    fn indices_come_back() {
        for depth in 0..5u8 {
            for width in [1, 2, 3, 7, 8, 9, 63, 64] {
                let limit = 1u32 << (1 << depth);
                let indices: Vec<u16> = (0..width).map(|i| (i * 1007 % limit) as u16).collect();
                let mut packed = Vec::new();
                pack(&indices, depth, &mut packed);
                assert_eq!(packed.len(), packed_length(indices.len(), depth));
                let mut back = vec![0; indices.len()];
                unpack(&packed, depth, &mut back);
                assert_eq!(back, indices);
            }
        }
    }
}
