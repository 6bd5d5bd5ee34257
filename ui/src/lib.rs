//! egui drawn by the processor onto a pixel buffer: the viewer's bar and the agent's consent prompt.
//!
//! A GL context on a software renderer costs more than the whole picture path, so the few panels that Sightline
//! has are rasterised here, onto the very buffer that is then shown.
//!
//! Absent: windows, events, clocks, fonts of the system.

mod look;
mod raster;
mod rows;
mod texture;

use std::time::Duration;

use egui::epaint::Primitive;
use raster::{Bounds, Target};
use texture::Textures;

pub use look::{Palette, palette, theme};
pub use rows::rows;

/// Draws egui's frames; keeps its textures (the glyphs) between them.
#[derive(Default)]
pub struct Painter {
    textures: Textures,
}

/// What one frame left behind.
pub struct Painted {
    /// When egui wants to be run again without any new input; `None` = not before the next event.
    pub repaint_after: Option<Duration>,
    /// Pointer shape, copied text and the like.
    pub platform: egui::PlatformOutput,
    /// Bounding box of what was painted: left, top, width, height in pixels.
    pub dirty: Option<(u32, u32, u32, u32)>,
}

/// Input for a surface of `size` pixels on which `pixels_per_point` pixels make one point; add events to it.
pub fn surface_input(size: (u32, u32), pixels_per_point: f32) -> egui::RawInput {
    let mut input = egui::RawInput::default();
    let points = egui::vec2(size.0 as f32, size.1 as f32) / pixels_per_point;
    input.screen_rect = Some(egui::Rect::from_min_size(egui::Pos2::ZERO, points));
    let viewport = input.viewports.entry(input.viewport_id).or_default();
    viewport.native_pixels_per_point = Some(pixels_per_point);
    input
}

impl Painter {
    pub fn new() -> Painter {
        Painter::default()
    }

    /// Runs one egui frame and draws it over `pixels`: `size` in pixels, row by row, 0x00RRGGBB each. What is
    /// already in the buffer is the background. `run` may be called more than once (egui lays out again when sizes change).
    pub fn paint(
        &mut self,
        ctx: &egui::Context,
        input: egui::RawInput,
        size: (u32, u32),
        pixels: &mut [u32],
        run: impl FnMut(&egui::Context),
    ) -> Painted {
        let mut output = ctx.run_pass(input, run);
        let mut delta = std::mem::take(&mut output.textures_delta);
        for (id, changes) in delta.set.drain() {
            for change in changes {
                self.textures.set(id, &change);
            }
        }
        let scale = output.pixels_per_point;
        let meshes = ctx.tessellate(std::mem::take(&mut output.shapes), scale);
        let dirty = self.draw(&meshes, scale, size, pixels);
        for id in delta.free.drain() {
            self.textures.free(id);
        }
        let repaint_after = output
            .viewport_output
            .get(&egui::ViewportId::ROOT)
            .map(|viewport| viewport.repaint_delay)
            .filter(|delay| *delay != Duration::MAX);
        Painted {
            repaint_after,
            platform: output.platform_output,
            dirty: dirty.map(Bounds::rectangle),
        }
    }

    fn draw(
        &self,
        meshes: &[egui::ClippedPrimitive],
        scale: f32,
        size: (u32, u32),
        pixels: &mut [u32],
    ) -> Option<Bounds> {
        let mut target = Target::new(pixels, size);
        let mut dirty = None;
        for clipped in meshes {
            // Callbacks are for GPU code; nothing here makes one.
            let Primitive::Mesh(mesh) = &clipped.primitive else {
                continue;
            };
            let Some(texture) = self.textures.of(mesh.texture_id) else {
                continue;
            };
            let clip = target.clip(clipped.clip_rect, scale);
            if let Some(bounds) = raster::mesh(&mut target, texture, mesh, clip, scale) {
                dirty = Some(bounds.union(dirty));
            }
        }
        dirty
    }
}
