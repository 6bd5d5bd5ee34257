//! Triangles onto pixels.
//!
//! Corners are snapped to 1/256 pixel and edges are computed in whole numbers with the top-left rule, so that
//! triangles which share an edge neither overlap nor leave a gap. Colours are blended as egui means them:
//! premultiplied, in gamma space. Glyphs, which egui places on whole pixels, are copied texel by texel: that is what keeps text crisp.

use egui::epaint::{Mesh, Vertex};
use egui::{Color32, Pos2, Rect};

use crate::texture::Texture;

/// Steps per pixel of a snapped corner.
const SUBPIXELS: i64 = 256;

/// Corners further out than this many pixels are drawn as if they were here; keeps the arithmetic in range.
const FAR: f32 = 32_000.0;

/// How far from a whole pixel a glyph's corner may lie and still count as on it.
const ON_PIXEL: f32 = 1.0 / 64.0;

/// Pixels `left..right` × `top..bottom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Bounds {
    pub(crate) fn intersect(self, other: Bounds) -> Option<Bounds> {
        let both = Bounds {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        (both.left < both.right && both.top < both.bottom).then_some(both)
    }

    pub(crate) fn union(self, other: Option<Bounds>) -> Bounds {
        let other = other.unwrap_or(self);
        Bounds {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// Left, top, width, height.
    pub(crate) fn rectangle(self) -> (u32, u32, u32, u32) {
        (
            self.left.max(0) as u32,
            self.top.max(0) as u32,
            (self.right - self.left).max(0) as u32,
            (self.bottom - self.top).max(0) as u32,
        )
    }
}

/// The buffer that is drawn on.
pub(crate) struct Target<'a> {
    pixels: &'a mut [u32],
    width: usize,
    all: Bounds,
}

impl<'a> Target<'a> {
    /// A buffer shorter than `size` says is drawn on as far as it goes.
    pub(crate) fn new(pixels: &'a mut [u32], size: (u32, u32)) -> Target<'a> {
        let width = size.0 as usize;
        let rows = pixels.len().checked_div(width).unwrap_or(0);
        let all = Bounds {
            left: 0,
            top: 0,
            right: i32::try_from(width).unwrap_or(0),
            bottom: i32::try_from(rows.min(size.1 as usize)).unwrap_or(0),
        };
        Target { pixels, width, all }
    }

    /// The part of `rect`, in points, that lies on the buffer; `None` = nothing of it.
    pub(crate) fn clip(&self, rect: Rect, scale: f32) -> Option<Bounds> {
        // A float turned into an integer saturates, and NaN becomes 0.
        let pixel = |points: f32| (points * scale).round() as i32;
        self.all.intersect(Bounds {
            left: pixel(rect.min.x),
            top: pixel(rect.min.y),
            right: pixel(rect.max.x),
            bottom: pixel(rect.max.y),
        })
    }

    /// Pixels `left..right` of a row inside the clip.
    fn span(&mut self, y: i32, left: i32, right: i32) -> &mut [u32] {
        let start = y as usize * self.width;
        &mut self.pixels[start + left as usize..start + right as usize]
    }
}

/// Draws one mesh and returns the bounding box of what it may have touched.
pub(crate) fn mesh(
    target: &mut Target,
    texture: &Texture,
    mesh: &Mesh,
    clip: Option<Bounds>,
    scale: f32,
) -> Option<Bounds> {
    let clip = clip?;
    let corner = |index: u32| {
        let vertex = *mesh.vertices.get(index as usize)?;
        let pos = (vertex.pos.to_vec2() * scale).to_pos2();
        let uv = vertex.uv;
        (pos.is_finite() && uv.is_finite()).then_some(Vertex { pos, ..vertex })
    };
    let mut dirty = None;
    let mut rest = mesh.indices.as_slice();
    while let [a, b, c, tail @ ..] = rest {
        rest = tail;
        let (Some(corner_a), Some(corner_b), Some(corner_c)) = (corner(*a), corner(*b), corner(*c))
        else {
            continue;
        };
        if let [c2, b2, d, tail @ ..] = rest
            && (c2, b2) == (c, b)
            && let Some(corner_d) = corner(*d)
            && let Some(glyph) = Glyph::of(texture, [&corner_a, &corner_b, &corner_c, &corner_d])
        {
            rest = tail;
            if let Some(part) = glyph.bounds.intersect(clip) {
                glyph.draw(target, texture, part);
                dirty = Some(part.union(dirty));
            }
            continue;
        }
        if let Some(triangle) = Triangle::of(texture, [corner_a, corner_b, corner_c])
            && let Some(part) = triangle.bounds.intersect(clip)
        {
            triangle.draw(target, texture, part);
            dirty = Some(part.union(dirty));
        }
    }
    dirty
}

/// An upright rectangle on whole pixels that shows as many texels as it has pixels.
struct Glyph {
    bounds: Bounds,
    texel: (usize, usize),
    colour: [u8; 4],
}

impl Glyph {
    /// Corners as egui lists them: left top, right top, left bottom, right bottom.
    fn of(texture: &Texture, [a, b, c, d]: [&Vertex; 4]) -> Option<Glyph> {
        let upright = |a: Pos2, b: Pos2, c: Pos2, d: Pos2| {
            a.y == b.y && c.y == d.y && a.x == c.x && b.x == d.x
        };
        let one_colour = a.color == b.color && a.color == c.color && a.color == d.color;
        if !one_colour || !upright(a.pos, b.pos, c.pos, d.pos) || !upright(a.uv, b.uv, c.uv, d.uv) {
            return None;
        }
        let (width, height) = texture.size();
        let bounds = Bounds {
            left: whole(a.pos.x)?,
            top: whole(a.pos.y)?,
            right: whole(d.pos.x)?,
            bottom: whole(d.pos.y)?,
        };
        let (left, top) = (whole(a.uv.x * width)?, whole(a.uv.y * height)?);
        let (right, bottom) = (whole(d.uv.x * width)?, whole(d.uv.y * height)?);
        let same = right - left == bounds.right - bounds.left
            && bottom - top == bounds.bottom - bounds.top;
        let texel = (usize::try_from(left).ok()?, usize::try_from(top).ok()?);
        same.then_some(Glyph {
            bounds,
            texel,
            colour: a.color.to_array(),
        })
    }

    fn draw(&self, target: &mut Target, texture: &Texture, part: Bounds) {
        let across = self.texel.0 + (part.left - self.bounds.left) as usize;
        for y in part.top..part.bottom {
            let down = self.texel.1 + (y - self.bounds.top) as usize;
            let span = target.span(y, part.left, part.right);
            let Some(row) = texture.row(down, across, span.len()) else {
                return;
            };
            for (pixel, texel) in span.iter_mut().zip(row) {
                if *texel != Color32::TRANSPARENT {
                    *pixel = over(*pixel, tint(texel.to_array(), self.colour));
                }
            }
        }
    }
}

fn whole(value: f32) -> Option<i32> {
    let near = value.round();
    ((value - near).abs() <= ON_PIXEL && near.abs() < FAR).then_some(near as i32)
}

/// A value that changes evenly over the picture: `at + x · across + y · down`.
#[derive(Clone, Copy)]
struct Slope {
    at: f32,
    across: f32,
    down: f32,
}

impl Slope {
    fn of(corners: &[Vertex; 3], area: f32, value: impl Fn(&Vertex) -> f32) -> Slope {
        let [a, b, c] = corners;
        let (to_b, to_c) = (b.pos - a.pos, c.pos - a.pos);
        let (rise_b, rise_c) = (value(b) - value(a), value(c) - value(a));
        let across = (rise_b * to_c.y - rise_c * to_b.y) / area;
        let down = (rise_c * to_b.x - rise_b * to_c.x) / area;
        Slope {
            at: value(a) - a.pos.x * across - a.pos.y * down,
            across,
            down,
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        self.at + x * self.across + y * self.down
    }
}

/// What fills a triangle.
enum Fill {
    Flat([u8; 4]),
    Shaded { colour: [Slope; 4], texel: [f32; 4] },
    Textured { colour: [Slope; 4], uv: [Slope; 2] },
}

/// One edge: a pixel lies inside when `at + x · across + y · down ≥ 0`, x and y its column and row.
struct Edge {
    at: i64,
    across: i64,
    down: i64,
}

impl Edge {
    fn of(p: (i64, i64), q: (i64, i64)) -> Edge {
        let (dx, dy) = (q.0 - p.0, q.1 - p.1);
        let half = SUBPIXELS / 2;
        // A pixel centre exactly on an edge belongs to the triangle of which this is a top or left edge.
        let top_left = dy < 0 || (dy == 0 && dx > 0);
        Edge {
            at: dx * (half - p.1) - dy * (half - p.0) - i64::from(!top_left),
            across: -dy * SUBPIXELS,
            down: dx * SUBPIXELS,
        }
    }

    /// Narrows `span` to the columns of row `y` that lie inside.
    fn narrow(&self, y: i64, span: &mut (i64, i64)) {
        let at = self.at + y * self.down;
        match self.across {
            0 if at < 0 => span.1 = span.0,
            0 => {}
            across if across > 0 => span.0 = span.0.max(-at.div_euclid(across)),
            across => span.1 = span.1.min(at.div_euclid(-across) + 1),
        }
    }
}

struct Triangle {
    bounds: Bounds,
    edges: [Edge; 3],
    fill: Fill,
}

impl Triangle {
    fn of(texture: &Texture, mut corners: [Vertex; 3]) -> Option<Triangle> {
        let snap = |value: f32| (value.clamp(-FAR, FAR) * SUBPIXELS as f32).round() as i64;
        let mut points = corners.map(|corner| (snap(corner.pos.x), snap(corner.pos.y)));
        let turn = |p: [(i64, i64); 3]| {
            (p[1].0 - p[0].0) * (p[2].1 - p[0].1) - (p[1].1 - p[0].1) * (p[2].0 - p[0].0)
        };
        if turn(points) < 0 {
            // egui winds triangles either way.
            points.swap(1, 2);
            corners.swap(1, 2);
        }
        let area = turn(points);
        if area <= 0 {
            return None;
        }
        for (corner, point) in corners.iter_mut().zip(points) {
            corner.pos = Pos2::new(point.0 as f32, point.1 as f32) / SUBPIXELS as f32;
        }
        let area = area as f32 / (SUBPIXELS * SUBPIXELS) as f32;
        let [a, b, c] = points;
        let columns = [a.0, b.0, c.0].map(|x| x.div_euclid(SUBPIXELS) as i32);
        let rows = [a.1, b.1, c.1].map(|y| y.div_euclid(SUBPIXELS) as i32);
        Some(Triangle {
            bounds: Bounds {
                left: columns[0].min(columns[1]).min(columns[2]),
                top: rows[0].min(rows[1]).min(rows[2]),
                right: columns[0].max(columns[1]).max(columns[2]) + 1,
                bottom: rows[0].max(rows[1]).max(rows[2]) + 1,
            },
            edges: [Edge::of(a, b), Edge::of(b, c), Edge::of(c, a)],
            fill: Fill::of(texture, &corners, area),
        })
    }

    fn draw(&self, target: &mut Target, texture: &Texture, part: Bounds) {
        if matches!(self.fill, Fill::Flat([0, 0, 0, 0])) {
            return;
        }
        for y in part.top..part.bottom {
            let mut columns = (i64::from(part.left), i64::from(part.right));
            for edge in &self.edges {
                edge.narrow(i64::from(y), &mut columns);
            }
            if columns.0 >= columns.1 {
                continue;
            }
            let span = target.span(y, columns.0 as i32, columns.1 as i32);
            let first = (columns.0 as f32 + 0.5, y as f32 + 0.5);
            self.fill.paint(span, texture, first);
        }
    }
}

impl Fill {
    fn of(texture: &Texture, corners: &[Vertex; 3], area: f32) -> Fill {
        let [a, b, c] = corners;
        let colour = [0, 1, 2, 3].map(|channel| {
            Slope::of(corners, area, |corner| {
                f32::from(corner.color.to_array()[channel])
            })
        });
        if a.uv != b.uv || a.uv != c.uv {
            let uv = [
                Slope::of(corners, area, |corner| corner.uv.x),
                Slope::of(corners, area, |corner| corner.uv.y),
            ];
            return Fill::Textured { colour, uv };
        }
        let texel = texture.sample(a.uv.x, a.uv.y);
        if a.color == b.color && a.color == c.color {
            return Fill::Flat(tint(
                a.color.to_array(),
                texel.map(|value| value.round() as u8),
            ));
        }
        Fill::Shaded { colour, texel }
    }

    /// Paints pixels of one row; the first one's centre is `first`.
    fn paint(&self, span: &mut [u32], texture: &Texture, first: (f32, f32)) {
        match self {
            Fill::Flat([r, g, b, 255]) => span.fill(u32::from_be_bytes([0, *r, *g, *b])),
            Fill::Flat(colour) => {
                for pixel in span {
                    *pixel = over(*pixel, *colour);
                }
            }
            Fill::Shaded { colour, texel } => {
                for (column, pixel) in span.iter_mut().enumerate() {
                    let x = first.0 + column as f32;
                    *pixel = over(*pixel, shade(colour, *texel, x, first.1));
                }
            }
            Fill::Textured { colour, uv } => {
                for (column, pixel) in span.iter_mut().enumerate() {
                    let x = first.0 + column as f32;
                    let texel = texture.sample(uv[0].at(x, first.1), uv[1].at(x, first.1));
                    *pixel = over(*pixel, shade(colour, texel, x, first.1));
                }
            }
        }
    }
}

/// A vertex colour times a texel.
fn shade(colour: &[Slope; 4], texel: [f32; 4], x: f32, y: f32) -> [u8; 4] {
    let mut shaded = [0; 4];
    for channel in 0..4 {
        let value = colour[channel].at(x, y) * texel[channel] / 255.0;
        shaded[channel] = value.round() as u8; // saturates
    }
    shaded
}

fn tint(texel: [u8; 4], colour: [u8; 4]) -> [u8; 4] {
    let mut tinted = [0; 4];
    for channel in 0..4 {
        tinted[channel] = times(texel[channel], colour[channel]);
    }
    tinted
}

/// `a · b / 255`, rounded.
fn times(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

/// A premultiplied colour laid over a pixel.
fn over(pixel: u32, [r, g, b, a]: [u8; 4]) -> u32 {
    let [_, under_r, under_g, under_b] = pixel.to_be_bytes();
    let through = 255 - a;
    u32::from_be_bytes([
        0,
        r.saturating_add(times(under_r, through)),
        g.saturating_add(times(under_g, through)),
        b.saturating_add(times(under_b, through)),
    ])
}

#[cfg(test)]
mod tests;
