//! What floats over a replay's picture: clicks as rings, the technician's name at the pointer, keys as caps, notices.

use egui::{CentralPanel, CornerRadius, FontId, Frame, Sense, Stroke, StrokeKind, Ui, vec2};
use sightline_ends::content::Button;
use sightline_ui::palette;

use super::picture::Picture;
use super::strip::Strip;
use crate::pure::area::{Rect, rect};
use crate::pure::compose::Overlay;
use crate::pure::fit::Placement;
use crate::pure::hands_shown::{HandsShown, Ring};
use crate::pure::rings::Circle;

/// Points between a float and the picture's edge.
const MARGIN: f64 = 14.0;
/// Heights in points.
const NAME_HEIGHT: f64 = 20.0;
const CAPS_HEIGHT: f64 = 36.0;
const NOTICE_HEIGHT: f64 = 30.0;
/// Radius of a ring in points, when it begins and when it ends.
const RING: (f64, f64) = (7.0, 26.0);

const LEFT: u32 = 0x00ff_6a3d;
const MIDDLE: u32 = 0x003c_c26f;
const RIGHT: u32 = 0x004a_9bff;

/// One float: a panel as wide as what is in it.
struct Float {
    strip: Strip,
    opacity: u8,
}

impl Float {
    fn new() -> Float {
        Float {
            strip: Strip::new(),
            opacity: 0,
        }
    }

    /// Draws what `panel` paints, which returns its width in points, at the place that `put` finds for a width in pixels.
    fn show(
        &mut self,
        picture: &mut Picture,
        opacity: u8,
        scale: f64,
        put: impl Fn(u32) -> Rect,
        mut panel: impl FnMut(&mut Ui) -> f32,
    ) {
        let before = (self.strip.place(), self.opacity);
        let mut changed = false;
        self.opacity = opacity;
        if opacity > 0 {
            // The width is known once it was laid out, for which a window's width is always enough.
            let mut width = 0.0;
            self.strip
                .set_place(put(self.strip.place().width.max(8)), scale);
            changed |= self.strip.run(|ui| width = panel(ui)).is_some();
            let place = put((f64::from(width) * scale).ceil() as u32);
            if place != self.strip.place() {
                self.strip.set_place(place, scale);
                changed |= self.strip.run(|ui| width = panel(ui)).is_some();
            }
        }
        if changed || before != (self.strip.place(), self.opacity) {
            picture.damage(before.0);
            picture.damage(self.strip.place());
        }
    }

    fn overlay(&self) -> Option<Overlay<'_>> {
        (self.opacity > 0).then(|| Overlay {
            opacity: self.opacity,
            shaped: true,
            ..self.strip.overlay()
        })
    }
}

/// All floats of a window.
pub(super) struct Floats {
    name: Float,
    caps: Float,
    notice: Float,
    circles: Vec<Circle>,
    /// What they were last drawn from.
    drawn: Option<(HandsShown, Option<String>, Placement, Rect)>,
}

impl Floats {
    pub(super) fn new() -> Floats {
        Floats {
            name: Float::new(),
            caps: Float::new(),
            notice: Float::new(),
            circles: Vec::new(),
            drawn: None,
        }
    }

    pub(super) fn circles(&self) -> &[Circle] {
        &self.circles
    }

    pub(super) fn overlays(&self) -> impl Iterator<Item = Overlay<'_>> {
        [&self.name, &self.caps, &self.notice]
            .into_iter()
            .filter_map(Float::overlay)
    }

    /// Brings them up to date.
    pub(super) fn show(
        &mut self,
        picture: &mut Picture,
        hands: &HandsShown,
        notice: Option<&str>,
        scale: f64,
    ) {
        let room = picture.room();
        let from = (
            hands.clone(),
            notice.map(str::to_owned),
            *picture.placement(),
            room,
        );
        if self.drawn.as_ref() == Some(&from) {
            return;
        }
        self.show_rings(picture, &hands.rings, scale);
        let points = |points: f64| (points * scale).round() as u32;
        let margin = points(MARGIN);
        let (x, y, opacity) = hands.pointer.unwrap_or((0, 0, 0));
        let (x, y) = picture.placement().to_window(x, y);
        let at = (x + 14.0 * scale, y + 18.0 * scale);
        self.name.show(
            picture,
            opacity,
            scale,
            |width| within(room, at, (width, points(NAME_HEIGHT))),
            |ui| name_tag(ui, &hands.name),
        );
        let bottom = f64::from(room.y + room.height);
        let corner = (
            f64::from(room.x + margin),
            bottom - f64::from(margin + points(CAPS_HEIGHT)),
        );
        self.caps.show(
            picture,
            hands.caps_opacity,
            scale,
            |width| within(room, corner, (width, points(CAPS_HEIGHT))),
            |ui| caps(ui, hands),
        );
        let middle = f64::from(room.x) + f64::from(room.width) / 2.0;
        let top = f64::from(room.y + margin);
        self.notice.show(
            picture,
            if notice.is_some() { 240 } else { 0 },
            scale,
            |width| {
                let left = middle - f64::from(width) / 2.0;
                within(room, (left, top), (width, points(NOTICE_HEIGHT)))
            },
            |ui| words(ui, notice.unwrap_or_default()),
        );
        self.drawn = Some(from);
    }

    fn show_rings(&mut self, picture: &mut Picture, rings: &[Ring], scale: f64) {
        let placement = *picture.placement();
        let circles: Vec<Circle> = rings
            .iter()
            .map(|ring| {
                let (x, y) = placement.to_window(ring.x, ring.y);
                let age = f64::from(ring.age);
                Circle {
                    x,
                    y,
                    radius: (RING.0 + (RING.1 - RING.0) * age.sqrt()) * scale,
                    colour: match ring.button {
                        Button::Right => RIGHT,
                        Button::Middle => MIDDLE,
                        _ => LEFT,
                    },
                    strength: (1.0 - age).min(1.0),
                }
            })
            .collect();
        let before = std::mem::replace(&mut self.circles, circles);
        for circle in before.iter().chain(&self.circles) {
            if let Some(place) = circle.place() {
                picture.damage(place);
            }
        }
    }
}

/// A place of this size at `at`, pushed into the room.
fn within(room: Rect, at: (f64, f64), size: (u32, u32)) -> Rect {
    let (width, height) = (size.0.min(room.width), size.1.min(room.height));
    let clamp = |at: f64, low: u32, length: u32, room: u32| {
        let high = low + room - length;
        at.round().clamp(f64::from(low), f64::from(high)) as u32
    };
    rect(
        clamp(at.0, room.x, width, room.width),
        clamp(at.1, room.y, height, room.height),
        width,
        height,
    )
}

/// A panel without ground of its own.
fn clear(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> f32) -> f32 {
    let mut width = 0.0;
    let panel = CentralPanel::default().frame(Frame::NONE);
    panel.show(ui, |ui| width = contents(ui));
    width
}

/// Text on a rounded plate as high as the panel, from `left` on; returns where it ends.
fn plate(ui: &Ui, left: f32, text: &str, font: FontId, fill: egui::Color32, line: bool) -> f32 {
    const PADDING: f32 = 9.0;
    let colours = palette(ui.ctx());
    let area = ui.max_rect();
    let galley = ui
        .painter()
        .layout_no_wrap(text.to_owned(), font, colours.text);
    let width = (galley.size().x + 2.0 * PADDING).ceil().max(area.height());
    let place = egui::Rect::from_min_size(
        egui::pos2(area.left() + left, area.top()),
        vec2(width, area.height()),
    );
    let round = CornerRadius::same(6);
    ui.painter().rect_filled(place, round, fill);
    if line {
        let stroke = Stroke::new(1.0, colours.weak);
        ui.painter()
            .rect_stroke(place, round, stroke, StrokeKind::Inside);
    }
    let at = place.center() - galley.size() / 2.0;
    ui.painter().galley(at, galley, colours.text);
    left + width
}

fn name_tag(ui: &mut Ui, name: &str) -> f32 {
    clear(ui, |ui| {
        let fill = palette(ui.ctx()).accent;
        ui.allocate_rect(ui.max_rect(), Sense::hover());
        plate(ui, 0.0, name, FontId::proportional(11.5), fill, false)
    })
}

fn caps(ui: &mut Ui, hands: &HandsShown) -> f32 {
    const GAP: f32 = 6.0;
    clear(ui, |ui| {
        let colours = palette(ui.ctx());
        let mut right = 0.0;
        if !hands.is_sealed() {
            let font = FontId::proportional(12.0);
            right = plate(ui, 0.0, &hands.name, font, colours.accent, false) + GAP;
        }
        for cap in &hands.caps {
            let font = FontId::proportional(16.0);
            right = plate(ui, right, cap, font, colours.ground, true) + GAP;
        }
        right - GAP
    })
}

fn words(ui: &mut Ui, text: &str) -> f32 {
    clear(ui, |ui| {
        let fill = palette(ui.ctx()).ground;
        plate(ui, 0.0, text, FontId::proportional(13.0), fill, true)
    })
}
