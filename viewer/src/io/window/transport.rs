//! What the controls of a replay look like: play, time line with its marks, what is shown, speed.

use std::time::Duration;

use egui::{
    Align, Color32, CornerRadius, FontId, Layout, Rect, Response, RichText, Sense, Stroke, Ui, vec2,
};
use sightline_ui::Palette;

use super::panels::{Act, ITEM, chip, segments, strip, text_width, write};
use super::{Mark, MarkKind, Playback, ReplayAct};
use crate::pure::playback::{SPEEDS, time_text};

/// Play, time line, speed.
pub(super) fn transport(ui: &mut Ui, playback: &Playback, acts: &mut Vec<Act>) {
    strip(ui, |ui, colours| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let speeds = SPEEDS.map(|speed| (format!("{speed}×"), speed));
            if let Some(speed) = segments(ui, colours, "speed", &speeds, playback.speed) {
                acts.push(Act::Replay(ReplayAct::Speed(speed)));
            }
            let hint = "Mouse and keys of the technician (i)";
            if toggle(ui, colours, "Input", hint, playback.show_hands) {
                acts.push(Act::Replay(ReplayAct::ShowHands(!playback.show_hands)));
            }
            let hint = "Jump over stretches in which nothing changes (s)";
            if toggle(ui, colours, "Skip idle", hint, playback.skip_idle) {
                acts.push(Act::Replay(ReplayAct::SkipIdle(!playback.skip_idle)));
            }
            if playback.running {
                live(ui, colours, playback, acts);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if play_button(ui, colours, playback.playing).clicked() {
                    acts.push(Act::Replay(playback.toggle()));
                }
                let (position, length) = (time_text(playback.position), time_text(playback.length));
                ui.label(RichText::new(position).color(colours.text));
                ui.label(RichText::new(format!("/ {length}")).color(colours.weak));
                if let Some(act) = time_line(ui, colours, playback) {
                    acts.push(Act::Replay(act));
                }
            });
        });
    });
}

/// The session is still running: at its newest moment, or a click away from it.
fn live(ui: &mut Ui, colours: &Palette, playback: &Playback, acts: &mut Vec<Act>) {
    if playback.live {
        chip(ui, "LIVE", colours.danger, colours.on_accent);
    } else if toggle(ui, colours, "Go live", "To the newest moment (End)", false) {
        acts.push(Act::Replay(ReplayAct::Seek(playback.length)));
        acts.push(Act::Replay(ReplayAct::Play));
    }
}

/// A button that stays down; says whether it was clicked.
fn toggle(ui: &mut Ui, colours: &Palette, text: &str, hint: &str, on: bool) -> bool {
    let font = FontId::proportional(12.0);
    let size = vec2(text_width(ui, text, &font) + 14.0, ITEM);
    let (place, response) = ui.allocate_exact_size(size, Sense::click());
    let (fill, ink) = match (on, response.hovered()) {
        (true, _) => (colours.accent, colours.on_accent),
        (false, true) => (colours.hover, colours.text),
        (false, false) => (colours.raised, colours.weak),
    };
    ui.painter().rect_filled(place, CornerRadius::same(4), fill);
    write(ui, place, text, &font, ink);
    if response.hovered() {
        label(ui, colours, place.left() - 8.0, hint, true);
    }
    response.clicked()
}

fn play_button(ui: &mut Ui, colours: &Palette, playing: bool) -> Response {
    let (place, response) = ui.allocate_exact_size(vec2(30.0, 22.0), Sense::click());
    let fill = if response.hovered() {
        colours.hover
    } else {
        colours.raised
    };
    let painter = ui.painter();
    painter.rect_filled(place, CornerRadius::same(4), fill);
    let middle = place.center();
    if playing {
        for x in [-5.0, 2.0] {
            let left = egui::pos2(middle.x + x, middle.y - 5.0);
            let half = Rect::from_min_size(left, vec2(3.0, 10.0));
            painter.rect_filled(half, CornerRadius::ZERO, colours.text);
        }
    } else {
        let corners = [vec2(-4.0, -6.0), vec2(6.0, 0.0), vec2(-4.0, 6.0)];
        let corners = corners.map(|corner| middle + corner).to_vec();
        painter.add(egui::Shape::convex_polygon(
            corners,
            colours.text,
            Stroke::NONE,
        ));
    }
    response
}

fn colour(kind: MarkKind, colours: &Palette) -> Color32 {
    match kind {
        MarkKind::Grants => colours.good,
        MarkKind::Input => colours.caution,
        MarkKind::Refused | MarkKind::Break => colours.danger,
        MarkKind::Talk => colours.text,
        MarkKind::End => colours.weak,
    }
}

/// Half the height of a mark in points. What decides is higher than what goes on all the time.
fn reach(kind: MarkKind) -> f32 {
    match kind {
        MarkKind::Input | MarkKind::Talk => 5.0,
        _ => 8.0,
    }
}

fn time_line(ui: &mut Ui, colours: &Palette, playback: &Playback) -> Option<ReplayAct> {
    const INSET: f32 = 7.0;
    let size = vec2(ui.available_width().max(60.0), 22.0);
    let (place, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let length = playback.length.as_secs_f32().max(0.001);
    let (left, width) = (place.left() + INSET, place.width() - 2.0 * INSET);
    let along = |time: Duration| left + (time.as_secs_f32() / length).clamp(0.0, 1.0) * width;
    let middle = place.center().y;
    let line = |from: f32, to: f32| {
        Rect::from_min_max(egui::pos2(from, middle - 2.0), egui::pos2(to, middle + 2.0))
    };
    let painter = ui.painter();
    let round = CornerRadius::same(2);
    painter.rect_filled(line(left, left + width), round, colours.raised);
    let now = along(playback.position);
    painter.rect_filled(line(left, now), round, colours.accent);
    // What matters more is drawn later, over the rest; and no more often than it can be told apart.
    let mut marks: Vec<(MarkKind, f32)> = playback
        .marks
        .iter()
        .map(|mark| (mark.kind, along(mark.at).round()))
        .collect();
    marks.sort_by(|a, b| {
        (reach(a.0), a.0, a.1)
            .partial_cmp(&(reach(b.0), b.0, b.1))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    marks.dedup();
    for (kind, at) in marks {
        let high = reach(kind);
        let tick = Rect::from_min_size(egui::pos2(at - 1.0, middle - high), vec2(2.0, 2.0 * high));
        painter.rect_filled(tick, CornerRadius::ZERO, colour(kind, colours));
    }
    painter.circle_filled(egui::pos2(now, middle), 6.0, colours.text);
    if let Some(pointer) = response.hover_pos().or(response.interact_pointer_pos()) {
        let share = ((pointer.x - left) / width.max(1.0)).clamp(0.0, 1.0);
        hovered(ui, colours, playback, pointer.x, share, &along);
    }
    if !response.clicked() && !response.dragged() {
        return None;
    }
    let pointer = response.interact_pointer_pos()?;
    let share = ((pointer.x - left) / width.max(1.0)).clamp(0.0, 1.0);
    Some(ReplayAct::Seek(
        playback.length.mul_f32(share).min(playback.length),
    ))
}

/// The mark under the pointer, or the time there.
fn hovered(
    ui: &Ui,
    colours: &Palette,
    playback: &Playback,
    pointer: f32,
    share: f32,
    along: &impl Fn(Duration) -> f32,
) {
    const REACH: f32 = 5.0;
    let distance = |mark: &&Mark| (along(mark.at) - pointer).abs();
    let near = playback
        .marks
        .iter()
        .filter(|mark| distance(mark) <= REACH)
        .min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let text = match near {
        Some(mark) => format!("{}  {}", time_text(mark.at), mark.label),
        None => time_text(playback.length.mul_f32(share)),
    };
    label(ui, colours, pointer + 10.0, &text, false);
}

/// Words beside `x`: to its right, or to its left if there is no room or it is asked for.
fn label(ui: &Ui, colours: &Palette, x: f32, text: &str, leftwards: bool) {
    let font = FontId::proportional(11.5);
    let screen = ui.ctx().content_rect();
    let mut text = text.to_owned();
    let most = screen.width() * 0.6;
    while text_width(ui, &text, &font) > most {
        text = text
            .chars()
            .take(text.chars().count() * 9 / 10)
            .collect::<String>()
            + "…";
    }
    let size = vec2(text_width(ui, &text, &font) + 14.0, 20.0);
    let left = match leftwards || x + size.x > screen.right() {
        true => x - size.x - if leftwards { 0.0 } else { 20.0 },
        false => x,
    };
    let at = egui::pos2(left.max(screen.left()), screen.center().y - 10.0);
    let place = Rect::from_min_size(at, size);
    let layer = egui::LayerId::new(egui::Order::Tooltip, egui::Id::unique("label"));
    let painter = ui.ctx().layer_painter(layer);
    painter.rect_filled(place, CornerRadius::same(4), colours.hover);
    painter.text(
        place.center(),
        egui::Align2::CENTER_CENTER,
        text,
        font,
        colours.text,
    );
}
