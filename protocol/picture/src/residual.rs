//! Tiles of many colours: planes of green, red minus green and blue minus green, each byte less its prediction.

use crate::{PictureError, TILE, TILE_AREA};

pub(crate) const PLANES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predictor {
    Left = 1,
    Up = 2,
    Gradient = 3,
}

impl Predictor {
    const ALL: [Predictor; 3] = [Predictor::Gradient, Predictor::Left, Predictor::Up];

    pub(crate) fn from_byte(byte: u8) -> Result<Predictor, PictureError> {
        let known = Predictor::ALL
            .into_iter()
            .find(|&predictor| predictor as u8 == byte);
        known.ok_or(PictureError::Malformed("unknown predictor"))
    }
}

/// Room for the planes of one tile and their residuals.
pub(crate) struct Planes {
    planes: Vec<u8>,
    residuals: Vec<u8>,
}

impl Planes {
    pub(crate) fn new() -> Planes {
        Planes {
            planes: vec![0; PLANES * TILE_AREA],
            residuals: vec![0; PLANES * TILE_AREA],
        }
    }

    /// The residuals of `pixels`, rows of `width`, and the predictor that left the least.
    pub(crate) fn split(&mut self, pixels: &[u32], width: usize) -> (Predictor, &[u8]) {
        let area = pixels.len();
        let (green, rest) = self.planes[..PLANES * area].split_at_mut(area);
        let (red, blue) = rest.split_at_mut(area);
        for (((pixel, g), r), b) in pixels.iter().zip(green).zip(red).zip(blue) {
            let [blue, green, red, _] = pixel.to_le_bytes();
            *g = green;
            *r = red.wrapping_sub(green);
            *b = blue.wrapping_sub(green);
        }
        let predictor = self.choose(area, width);
        for plane in 0..PLANES {
            let range = plane * area..(plane + 1) * area;
            subtract(
                predictor,
                &self.planes[range.clone()],
                width,
                &mut self.residuals[range],
            );
        }
        (predictor, &self.residuals[..PLANES * area])
    }

    /// Judges by the green plane, which has most of the detail.
    fn choose(&mut self, area: usize, width: usize) -> Predictor {
        let mut best = (u32::MAX, Predictor::Gradient);
        for predictor in Predictor::ALL {
            subtract(
                predictor,
                &self.planes[..area],
                width,
                &mut self.residuals[..area],
            );
            let cost = cost(&self.residuals[..area]);
            if cost < best.0 {
                best = (cost, predictor);
            }
        }
        best.1
    }

    /// Where the residuals of `area` pixels go before [`Planes::join`].
    pub(crate) fn residuals_mut(&mut self, area: usize) -> &mut [u8] {
        &mut self.residuals[..PLANES * area]
    }

    /// Undoes [`Planes::split`] for the residuals in place, one row of `width` pixels at a time.
    pub(crate) fn join(
        &mut self,
        predictor: Predictor,
        area: usize,
        width: usize,
        mut row: impl FnMut(usize, &[u32]),
    ) {
        for plane in self.residuals[..PLANES * area].chunks_exact_mut(area) {
            add(predictor, plane, width);
        }
        let (green, rest) = self.residuals[..PLANES * area].split_at(area);
        let (red, blue) = rest.split_at(area);
        let mut pixels = [0u32; TILE as usize];
        let rows = green
            .chunks_exact(width)
            .zip(red.chunks_exact(width))
            .zip(blue.chunks_exact(width));
        for (y, ((green, red), blue)) in rows.enumerate() {
            for (((pixel, &g), &r), &b) in pixels.iter_mut().zip(green).zip(red).zip(blue) {
                *pixel = u32::from_le_bytes([b.wrapping_add(g), g, r.wrapping_add(g), 0]);
            }
            row(y, &pixels[..width]);
        }
    }
}

/// What a residual costs, roughly: its distance from zero.
fn cost(residuals: &[u8]) -> u32 {
    residuals
        .iter()
        .map(|&byte| u32::from((byte as i8).unsigned_abs()))
        .sum()
}

fn subtract(predictor: Predictor, plane: &[u8], width: usize, out: &mut [u8]) {
    let (first, first_out) = (&plane[..width], &mut out[..width]);
    first_out[0] = first[0];
    subtract_left(first, first_out);
    for start in (width..plane.len()).step_by(width) {
        let above = &plane[start - width..start];
        let row = &plane[start..start + width];
        let out = &mut out[start..start + width];
        out[0] = row[0].wrapping_sub(above[0]);
        match predictor {
            Predictor::Left => subtract_left(row, out),
            Predictor::Up => {
                for ((o, &p), &u) in out.iter_mut().zip(row).zip(above) {
                    *o = p.wrapping_sub(u);
                }
            }
            Predictor::Gradient => subtract_gradient(row, above, out),
        }
    }
}

fn subtract_left(row: &[u8], out: &mut [u8]) {
    for ((o, &p), &l) in out[1..].iter_mut().zip(&row[1..]).zip(row) {
        *o = p.wrapping_sub(l);
    }
}

fn subtract_gradient(row: &[u8], above: &[u8], out: &mut [u8]) {
    let neighbours = row.iter().zip(&above[1..]).zip(above);
    for ((o, &p), ((&l, &u), &c)) in out[1..].iter_mut().zip(&row[1..]).zip(neighbours) {
        *o = p.wrapping_sub(gradient(l, u, c));
    }
}

/// The median of l, u and l+u-c.
fn gradient(left: u8, up: u8, corner: u8) -> u8 {
    let (l, u, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (low, high) = (l.min(u), l.max(u));
    (l + u - c).max(low).min(high) as u8
}

fn add(predictor: Predictor, plane: &mut [u8], width: usize) {
    add_left(&mut plane[..width]);
    for start in (width..plane.len()).step_by(width) {
        let (done, rest) = plane.split_at_mut(start);
        let above = &done[start - width..];
        let row = &mut rest[..width];
        row[0] = row[0].wrapping_add(above[0]);
        match predictor {
            Predictor::Left => add_left(row),
            Predictor::Up => {
                for (p, &u) in row[1..].iter_mut().zip(&above[1..]) {
                    *p = p.wrapping_add(u);
                }
            }
            Predictor::Gradient => add_gradient(row, above),
        }
    }
}

fn add_left(row: &mut [u8]) {
    let mut left = row[0];
    for p in &mut row[1..] {
        left = left.wrapping_add(*p);
        *p = left;
    }
}

fn add_gradient(row: &mut [u8], above: &[u8]) {
    let mut left = row[0];
    for (p, (&u, &c)) in row[1..].iter_mut().zip(above[1..].iter().zip(above)) {
        left = p.wrapping_add(gradient(left, u, c));
        *p = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_predictor_inverts() {
        for width in [1, 2, 5, 64] {
            let plane: Vec<u8> = (0..width * 7).map(|i| (i * i * 31 + i * 7) as u8).collect();
            for predictor in Predictor::ALL {
                let mut residuals = vec![0; plane.len()];
                subtract(predictor, &plane, width, &mut residuals);
                add(predictor, &mut residuals, width);
                assert_eq!(residuals, plane);
            }
        }
    }

    #[test]
    fn planes_join_to_the_same_pixels() {
        let pixels: Vec<u32> = (0..60u32)
            .map(|i| i.wrapping_mul(0x9E37_79B1) & crate::RGB)
            .collect();
        let mut planes = Planes::new();
        let (predictor, _) = planes.split(&pixels, 12);
        let mut back = Vec::new();
        planes.join(predictor, pixels.len(), 12, |_, row| {
            back.extend_from_slice(row)
        });
        assert_eq!(back, pixels);
    }
}
