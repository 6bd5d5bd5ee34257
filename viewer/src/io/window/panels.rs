//! What the panels look like: the bar, the sentence at the end.

use egui::{
    Align, Align2, CentralPanel, Color32, CornerRadius, FontId, Frame, Layout, Margin, Rect,
    Response, RichText, Sense, Stroke, StrokeKind, Ui, vec2,
};
use sightline_ui::{Palette, palette};

use super::{Bar, ReplayAct};
use crate::pure::fit::{Choice, Scale, View};
use crate::pure::panels::{Panel, Panels};
use crate::pure::silence::Silence;

/// Height of the bar, in points.
pub(super) const BAR_HEIGHT: f64 = 28.0;

/// Height of a replay's controls, in points.
pub(super) const TRANSPORT_HEIGHT: f64 = 32.0;

/// Height of chips and buttons on the bar, in points.
pub(super) const ITEM: f32 = 20.0;

/// Narrower bars have shorter words on their buttons, in points.
const WITH_WORDS: f32 = 840.0;

/// What a person did on a panel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    End,
    Close,
    Scale(Scale),
    Show(Choice),
    FullScreen,
    Replay(ReplayAct),
    /// Opens a panel, gives it the keyboard, or closes it.
    Panel(Panel),
}

/// What the bar is drawn from.
pub(super) struct BarState<'a> {
    pub bar: &'a Bar,
    pub view: View,
    pub monitors: &'a [String],
    pub full_screen: bool,
    pub replay: bool,
    pub panels: &'a Panels,
}

/// Names of the session at the left, what can be done at the right.
pub(super) fn bar(ui: &mut Ui, state: &BarState, acts: &mut Vec<Act>) {
    strip(ui, |ui, colours| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            controls(ui, colours, state, acts);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                // What there is no room for is cut off, not written over the buttons.
                ui.set_clip_rect(ui.max_rect());
                names(ui, colours, state);
            });
        });
    });
}

pub(super) fn strip(ui: &mut Ui, contents: impl FnOnce(&mut Ui, &Palette)) {
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
    // What is left of the bar goes to the silence, to what the user said, to the note, or else to who looks: the one text
    // that may be cut short.
    let said = state.panels.chat.newest_unread();
    let said = said.filter(|_| !state.replay);
    let said = said.map(|said| format!("{}: {said}", bar.user));
    let silence = bar.silence.map(|silence| silence.short(&bar.user));
    let last = match silence.as_ref().or(said.as_ref()).or(bar.note.as_ref()) {
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
    let narrow = is_narrow(ui);
    let screen = match (narrow, state.full_screen) {
        (true, false) => "Full",
        (true, true) => "Leave",
        (false, true) => "Leave full screen",
        (false, false) => "Full screen",
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
    panel_buttons(ui, colours, state.panels, acts);
    if let Some(time) = state.bar.round_trip_text().filter(|_| !narrow) {
        ui.label(RichText::new(time).color(colours.weak));
    }
}

/// Whether the bar has no room for words on all buttons.
fn is_narrow(ui: &Ui) -> bool {
    ui.ctx().content_rect().width() < WITH_WORDS
}

/// What stands for a panel's name where there is no room for it.
fn short(panel: Panel) -> &'static str {
    match panel {
        Panel::Terminal => ">_",
        Panel::Files | Panel::Chat | Panel::Facts | Panel::Log => panel.title(),
    }
}

/// One button for each panel; those that are open are marked, and what is unread is counted.
fn panel_buttons(ui: &mut Ui, colours: &Palette, panels: &Panels, acts: &mut Vec<Act>) {
    let narrow = is_narrow(ui);
    let padding = if narrow { 5.0 } else { 8.0 };
    let font = FontId::proportional(12.0);
    for &panel in panels.offered().iter().rev() {
        let unread = match panel {
            Panel::Chat => panels.chat.unread(),
            _ => 0,
        };
        let name = if narrow { short(panel) } else { panel.title() };
        let text = match unread {
            0 => name.to_owned(),
            unread => format!("{name} {unread}"),
        };
        let size = vec2(text_width(ui, &text, &font) + 2.0 * padding, ITEM);
        let (place, response) = ui.allocate_exact_size(size, Sense::click());
        let fill = match (unread > 0, response.hovered()) {
            (true, _) => colours.accent,
            (false, true) => colours.hover,
            (false, false) => colours.raised,
        };
        let ink = if unread > 0 {
            colours.on_accent
        } else {
            colours.text
        };
        ui.painter().rect_filled(place, CornerRadius::same(4), fill);
        write(ui, place, &text, &font, ink);
        if panels.dock.is_open(panel) {
            let line = [place.left_bottom(), place.right_bottom()].map(|at| at - vec2(0.0, 1.0));
            ui.painter()
                .line_segment(line, Stroke::new(2.0, colours.accent));
        }
        if response.clicked() {
            acts.push(Act::Panel(panel));
        }
    }
}

pub(super) fn button(ui: &mut Ui, text: &str) -> Response {
    ui.add(
        egui::Button::new(text)
            .stroke(Stroke::NONE)
            .min_size(vec2(0.0, ITEM)),
    )
}

/// A row of choices of which one is taken; returns another one that was clicked.
pub(super) fn segments<T: Copy + PartialEq>(
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

pub(super) fn text_width(ui: &Ui, text: &str, font: &FontId) -> f32 {
    let galley = ui
        .painter()
        .layout_no_wrap(text.to_owned(), font.clone(), Color32::PLACEHOLDER);
    galley.size().x.ceil()
}

pub(super) fn write(ui: &Ui, place: Rect, text: &str, font: &FontId, ink: Color32) {
    ui.painter().text(
        place.center(),
        Align2::CENTER_CENTER,
        text,
        font.clone(),
        ink,
    );
}

pub(super) fn chip(ui: &mut Ui, text: &str, fill: Color32, ink: Color32) {
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

/// Lies over a picture that is not live: since when, and what that means. Its ground darkens what is under it.
pub(super) fn silent(ui: &mut Ui, user: &str, silence: Silence) {
    let colours = palette(ui.ctx());
    let ground = Frame::new().fill(Color32::BLACK);
    CentralPanel::default().frame(ground).show(ui, |ui| {
        let area = ui.max_rect();
        let width = (area.width() - 32.0).clamp(120.0, 560.0);
        let place = Rect::from_center_size(area.center(), vec2(width, 90.0));
        let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(place));
        inner.vertical_centered(|ui| {
            let short = RichText::new(silence.short(user)).size(19.0).strong();
            ui.label(short.color(colours.caution));
            ui.add_space(6.0);
            let meaning = RichText::new(silence.meaning()).size(14.0);
            ui.label(meaning.color(Color32::WHITE));
        });
    });
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
