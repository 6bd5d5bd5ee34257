use egui::epaint::{ImageDelta, Mesh, Vertex};
use egui::{Color32, ColorImage, Pos2, TextureId, TextureOptions, pos2};

use super::{Bounds, Target, mesh};
use crate::texture::Textures;

const SIZE: (u32, u32) = (64, 64);

fn white() -> Textures {
    let mut textures = Textures::default();
    let image = ColorImage::filled([4, 4], Color32::WHITE);
    textures.set(
        TextureId::default(),
        &ImageDelta::full(image, TextureOptions::LINEAR),
    );
    textures
}

fn draw(pixels: &mut [u32], shape: &Mesh) -> Option<Bounds> {
    let textures = white();
    let texture = textures.of(TextureId::default()).expect("just set");
    let mut target = Target::new(pixels, SIZE);
    let clip = target.clip(egui::Rect::EVERYTHING, 1.0);
    mesh(&mut target, texture, shape, clip, 1.0)
}

fn polygon(corners: &[Pos2], colour: Color32) -> Mesh {
    let mut shape = Mesh::default();
    for corner in corners {
        shape.vertices.push(Vertex::untextured(*corner, colour));
    }
    for third in 2..corners.len() as u32 {
        shape.indices.extend([0, third - 1, third]);
    }
    shape
}

#[test]
fn a_rectangle_fills_its_pixels_and_no_others() {
    let mut pixels = vec![0; 64 * 64];
    let corners = [
        pos2(3.0, 5.0),
        pos2(20.0, 5.0),
        pos2(20.0, 9.0),
        pos2(3.0, 9.0),
    ];
    draw(&mut pixels, &polygon(&corners, Color32::from_rgb(1, 2, 3)));
    for (index, pixel) in pixels.iter().enumerate() {
        let inside = (3..20).contains(&(index % 64)) && (5..9).contains(&(index / 64));
        assert_eq!(*pixel, if inside { 0x010203 } else { 0 }, "pixel {index}");
    }
}

#[test]
fn triangles_that_share_edges_neither_overlap_nor_leave_gaps() {
    // A half transparent fan around an odd point: every covered pixel must be blended exactly once.
    let centre = pos2(31.37, 30.71);
    let mut ring: Vec<Pos2> = (0..17)
        .map(|step| {
            let angle = step as f32 / 17.0 * std::f32::consts::TAU;
            centre + egui::vec2(angle.cos(), angle.sin()) * 28.3
        })
        .collect();
    ring.push(ring[0]);
    ring.insert(0, centre);
    let mut pixels = vec![0; 64 * 64];
    draw(
        &mut pixels,
        &polygon(&ring, Color32::from_rgba_premultiplied(100, 100, 100, 128)),
    );
    assert!(pixels.iter().all(|pixel| [0, 0x646464].contains(pixel)));
    let covered = pixels.iter().filter(|pixel| **pixel != 0).count();
    let area = 0.5 * 17.0 * 28.3f32.powi(2) * (std::f32::consts::TAU / 17.0).sin();
    assert!(
        (covered as f32 - area).abs() < 12.0,
        "{covered} pixels for {area}"
    );
}

#[test]
fn odd_meshes_draw_what_they_can() {
    let odd = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN,
        1e9,
        -1e9,
        0.0,
        33.3,
    ];
    let mut pixels = vec![0; 64 * 64];
    for x in odd {
        for y in odd {
            let colour = Color32::from_rgba_premultiplied(255, 3, 0, 9);
            let mut shape = polygon(
                &[pos2(x, y), pos2(y, 1.0), pos2(7.0, x), pos2(50.0, 60.0)],
                colour,
            );
            shape.vertices[1].uv = pos2(x, y);
            shape.vertices[2].uv = pos2(y, 1.0);
            shape.indices.extend([0, 1, 2, 2, 1, 3, 9999, 0]);
            draw(&mut pixels, &shape);
        }
    }
    draw(
        &mut [],
        &polygon(
            &[pos2(0.0, 0.0), pos2(9.0, 0.0), pos2(0.0, 9.0)],
            Color32::RED,
        ),
    );
}

#[test]
fn a_glyph_is_copied_texel_by_texel() {
    let mut textures = Textures::default();
    let texels: Vec<Color32> = (0..64)
        .map(|i| Color32::from_white_alpha(i as u8 * 4))
        .collect();
    let image = ColorImage::new([8, 8], texels.clone());
    textures.set(
        TextureId::default(),
        &ImageDelta::full(image, TextureOptions::LINEAR),
    );
    let mut shape = Mesh::default();
    let uv = egui::Rect::from_min_max(pos2(0.25, 0.25), pos2(0.75, 0.75));
    let place = egui::Rect::from_min_max(pos2(10.0, 20.0), pos2(14.0, 24.0));
    shape.add_rect_with_uv(place, uv, Color32::WHITE);
    let mut pixels = vec![0; 64 * 64];
    let mut target = Target::new(&mut pixels, SIZE);
    let clip = target.clip(egui::Rect::EVERYTHING, 1.0);
    let texture = textures.of(TextureId::default()).expect("just set");
    let dirty = mesh(&mut target, texture, &shape, clip, 1.0);
    assert_eq!(dirty.map(Bounds::rectangle), Some((10, 20, 4, 4)));
    for y in 0..4 {
        for x in 0..4 {
            let level = u32::from(texels[(y + 2) * 8 + x + 2].r());
            assert_eq!(pixels[(y + 20) * 64 + x + 10], level * 0x010101);
        }
    }
}
