//! What the panels look like: the bar, the controls of a replay, the sentence at the end.

use egui::{
    Align, Align2, CentralPanel, Color32, CornerRadius, FontId, Frame, Layout, Margin, Rect,
    Response, RichText, Sense, Stroke, StrokeKind, Ui, vec2,
};
use sightline_ui::{Palette, palette};

use super::{Bar, Playback, ReplayAct};
use crate::pure::fit::{Choice, Scale, View};
use crate::pure::playback::{SPEEDS, time_text};

/// Height of the bar, in points.
pub(super) const BAR_HEIGHT: f64 = 28.0;

/// Height of a replay's controls, in points.
pub(super) const TRANSPORT_HEIGHT: f64 = 32.0;

/// Height of chips and buttons on the bar, in points.
const ITEM: f32 = 20.0;

/// What a person did on a panel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    End,
    Close,
    Scale(Scale),
    Show(Choice),
    FullScreen,
    Replay(ReplayAct),
}

/// What the bar is drawn from.
pub(super) struct BarState<'a> {
    pub bar: &'a Bar,
    pub view: View,
    pub monitors: &'a [String],
    pub full_screen: bool,
    pub replay: bool,
}

/// Names of the session at the left, what can be done at the right.
pub(super) fn bar(ui: &mut Ui, state: &BarState, acts: &mut Vec<Act>) {
    strip(ui, |ui, colours| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            controls(ui, colours, state, acts);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                names(ui, colours, state);
            });
        });
    });
}

fn strip(ui: &mut Ui, contents: impl FnOnce(&mut Ui, &Palette)) {
    let colours = palette(ui.ctx());
    let frame = Frame::new()
        .fill(colours.ground)
        .inner_margin(Margin::symmetric(8, 0));
    CentralPanel::default().frame(frame).show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        contents(ui, &colours);
    });
}

fn names(ui: &mut Ui, colours: &Palette, state: &BarState) {
    let bar = state.bar;
    if bar.recording {
        recording_mark(ui, colours);
    } else if state.replay {
        chip(ui, "RECORDING", colours.raised, colours.weak);
    }
    let (user, technician) = bar.who();
    if !user.is_empty() {
        ui.label(RichText::new(user).color(colours.text));
    }
    for word in bar.chips() {
        let text = if bar.is_view_only() && word == "view only" {
            colours.caution
        } else {
            colours.text
        };
        chip(ui, word, colours.raised, text);
    }
    // What is left of the bar goes to the note, or else to who looks: the one text that may be cut short.
    let last = match &bar.note {
        Some(note) => RichText::new(note).color(colours.caution),
        None => RichText::new(technician).color(colours.weak),
    };
    ui.add(egui::Label::new(last).truncate());
}

fn controls(ui: &mut Ui, colours: &Palette, state: &BarState, acts: &mut Vec<Act>) {
    let (text, act) = if state.replay {
        ("Close", Act::Close)
    } else {
        ("End", Act::End)
    };
    let (fill, ink) = if state.replay {
        (colours.raised, colours.text)
    } else {
        (colours.danger, colours.on_accent)
    };
    let end = egui::Button::new(RichText::new(text).color(ink)).fill(fill);
    if ui
        .add(end.stroke(Stroke::NONE).min_size(vec2(44.0, ITEM)))
        .clicked()
    {
        acts.push(act);
    }
    let screen = if state.full_screen {
        "Leave full screen"
    } else {
        "Full screen"
    };
    if button(ui, screen).clicked() {
        acts.push(Act::FullScreen);
    }
    let scales = [("Fit", Scale::Fit), ("1:1", Scale::OneToOne)];
    let scales = scales.map(|(text, scale)| (text.to_owned(), scale));
    if let Some(scale) = segments(ui, colours, "scale", &scales, state.view.scale) {
        acts.push(Act::Scale(scale));
    }
    if state.monitors.len() > 1 {
        let mut choices = vec![("All".to_owned(), Choice::All)];
        for index in 0..state.monitors.len() {
            choices.push(((index + 1).to_string(), Choice::One(index)));
        }
        if let Some(choice) = segments(ui, colours, "monitor", &choices, state.view.choice) {
            acts.push(Act::Show(choice));
        }
        ui.label(RichText::new("Monitor").color(colours.weak));
    }
    if let Some(time) = state.bar.round_trip_text() {
        ui.label(RichText::new(time).color(colours.weak));
    }
}

fn button(ui: &mut Ui, text: &str) -> Response {
    ui.add(
        egui::Button::new(text)
            .stroke(Stroke::NONE)
            .min_size(vec2(0.0, ITEM)),
    )
}

/// A row of choices of which one is taken; returns another one that was clicked.
fn segments<T: Copy + PartialEq>(
    ui: &mut Ui,
    colours: &Palette,
    name: &str,
    choices: &[(String, T)],
    taken: T,
) -> Option<T> {
    const PADDING: f32 = 7.0;
    let font = FontId::proportional(12.0);
    let widths: Vec<f32> = choices
        .iter()
        .map(|(text, _)| text_width(ui, text, &font) + 2.0 * PADDING)
        .collect();
    let total = vec2(widths.iter().sum(), ITEM);
    let (all, _) = ui.allocate_exact_size(total, Sense::hover());
    ui.painter()
        .rect_filled(all, CornerRadius::same(4), colours.raised);
    let mut clicked = None;
    let mut left = all.left();
    for ((text, choice), width) in choices.iter().zip(widths) {
        let place = Rect::from_min_size(egui::pos2(left, all.top()), vec2(width, ITEM));
        left += width;
        let response = ui.interact(place, ui.scope_id().with((name, text)), Sense::click());
        let mut ink = colours.weak;
        if *choice == taken {
            ui.painter()
                .rect_filled(place, CornerRadius::same(4), colours.accent);
            ink = colours.on_accent;
        } else if response.hovered() {
            ui.painter()
                .rect_filled(place, CornerRadius::same(4), colours.hover);
            ink = colours.text;
        }
        write(ui, place, text, &font, ink);
        if response.clicked() && *choice != taken {
            clicked = Some(*choice);
        }
    }
    clicked
}

fn text_width(ui: &Ui, text: &str, font: &FontId) -> f32 {
    let galley = ui
        .painter()
        .layout_no_wrap(text.to_owned(), font.clone(), Color32::PLACEHOLDER);
    galley.size().x.ceil()
}

fn write(ui: &Ui, place: Rect, text: &str, font: &FontId, ink: Color32) {
    ui.painter().text(
        place.center(),
        Align2::CENTER_CENTER,
        text,
        font.clone(),
        ink,
    );
}

fn chip(ui: &mut Ui, text: &str, fill: Color32, ink: Color32) {
    let font = FontId::proportional(11.0);
    let size = vec2(text_width(ui, text, &font) + 12.0, 17.0);
    let (place, _) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().rect_filled(place, CornerRadius::same(3), fill);
    write(ui, place, text, &font, ink);
}

/// A red dot and REC, as on a camera.
fn recording_mark(ui: &mut Ui, colours: &Palette) {
    let font = FontId::proportional(11.0);
    let width = text_width(ui, "REC", &font) + 24.0;
    let (place, _) = ui.allocate_exact_size(vec2(width, 17.0), Sense::hover());
    ui.painter().rect_stroke(
        place,
        CornerRadius::same(3),
        Stroke::new(1.0, colours.danger),
        StrokeKind::Inside,
    );
    let dot = egui::pos2(place.left() + 9.0, place.center().y);
    ui.painter().circle_filled(dot, 3.5, colours.danger);
    let text = Rect::from_min_max(egui::pos2(place.left() + 14.0, place.top()), place.max);
    write(ui, text, "REC", &font, colours.text);
}

/// Play, time line, speed.
pub(super) fn transport(ui: &mut Ui, playback: &Playback, acts: &mut Vec<Act>) {
    strip(ui, |ui, colours| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let speeds = SPEEDS.map(|speed| (format!("{speed}×"), speed));
            if let Some(speed) = segments(ui, colours, "speed", &speeds, playback.speed) {
                acts.push(Act::Replay(ReplayAct::Speed(speed)));
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

fn time_line(ui: &mut Ui, colours: &Palette, playback: &Playback) -> Option<ReplayAct> {
    const INSET: f32 = 7.0;
    let size = vec2(ui.available_width().max(60.0), 22.0);
    let (place, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let length = playback.length.as_secs_f32().max(0.001);
    let (left, width) = (place.left() + INSET, place.width() - 2.0 * INSET);
    let along =
        |time: std::time::Duration| left + (time.as_secs_f32() / length).clamp(0.0, 1.0) * width;
    let middle = place.center().y;
    let line = |from: f32, to: f32| {
        Rect::from_min_max(egui::pos2(from, middle - 2.0), egui::pos2(to, middle + 2.0))
    };
    let painter = ui.painter();
    let round = CornerRadius::same(2);
    painter.rect_filled(line(left, left + width), round, colours.raised);
    let now = along(playback.position);
    painter.rect_filled(line(left, now), round, colours.accent);
    for mark in &playback.marks {
        let at = along(mark.at).round();
        let tick = Rect::from_min_size(egui::pos2(at, middle - 5.0), vec2(2.0, 10.0));
        painter.rect_filled(tick, CornerRadius::ZERO, colours.caution);
    }
    painter.circle_filled(egui::pos2(now, middle), 6.0, colours.text);
    if let Some(pointer) = response.hover_pos().or(response.interact_pointer_pos()) {
        hovered_label(ui, colours, playback, pointer, &along);
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

/// The label of the mark under the pointer.
fn hovered_label(
    ui: &Ui,
    colours: &Palette,
    playback: &Playback,
    pointer: egui::Pos2,
    along: &impl Fn(std::time::Duration) -> f32,
) {
    const REACH: f32 = 5.0;
    let near = playback
        .marks
        .iter()
        .find(|mark| (along(mark.at) - pointer.x).abs() <= REACH);
    let Some(mark) = near else {
        return;
    };
    let font = FontId::proportional(11.0);
    let size = vec2(text_width(ui, &mark.label, &font) + 12.0, 17.0);
    let x = (along(mark.at) + 8.0).min(ui.max_rect().right() - size.x);
    let place = Rect::from_min_size(egui::pos2(x, ui.max_rect().center().y - 8.5), size);
    ui.painter()
        .rect_filled(place, CornerRadius::same(3), colours.hover);
    write(ui, place, &mark.label, &font, colours.text);
}

/// The sentence that says why it is over, and a button.
pub(super) fn ended(ui: &mut Ui, sentence: &str, acts: &mut Vec<Act>) {
    let colours = palette(ui.ctx());
    let card = Frame::new()
        .fill(colours.ground)
        .stroke(Stroke::new(1.0, colours.line))
        .corner_radius(CornerRadius::same(6))
        .inner_margin(Margin::symmetric(24, 18));
    let clear = CentralPanel::default().frame(Frame::NONE);
    clear.show(ui, |ui| {
        let area = ui.max_rect();
        let width = (area.width() - 32.0).clamp(120.0, 420.0);
        let place = Rect::from_center_size(area.center(), vec2(width, 130.0));
        let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(place));
        card.show(&mut inner, |ui| {
            ui.set_width(width - 48.0);
            ui.vertical_centered(|ui| {
                ui.label(RichText::new(sentence).size(15.0).color(colours.text));
                ui.add_space(10.0);
                let text = RichText::new("Close").color(colours.on_accent);
                let close = egui::Button::new(text)
                    .fill(colours.accent)
                    .stroke(Stroke::NONE);
                if ui.add(close.min_size(vec2(90.0, 26.0))).clicked() {
                    acts.push(Act::Close);
                }
            });
        });
    });
}
