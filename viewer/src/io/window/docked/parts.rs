//! What all panels have: a head with the name and a way to close it, and words where there is nothing to show.

use egui::{
    Align, Align2, CentralPanel, Color32, CornerRadius, FontId, Frame, Layout, Margin, Rect,
    RichText, Sense, Stroke, Ui, UiBuilder, pos2, vec2,
};
use sightline_ui::{Palette, palette};

use super::PanelAct;
use crate::io::window::panels::{ITEM, text_width};
use crate::pure::panels::Panel;

/// Height of a panel's head, in points.
const HEAD: f32 = 30.0;

/// What every panel is drawn from.
pub(super) struct State<'a> {
    pub panel: Panel,
    /// It has the keyboard.
    pub focused: bool,
    /// It shows what was, and nothing can be done in it.
    pub replay: bool,
    pub computer: &'a str,
    pub technician: &'a str,
    /// Why it is of no use, and what to do.
    pub lack: Option<&'a (String, String)>,
}

/// A panel: `head` in its head, beside name and close button; `body` below.
pub(super) fn panel(
    ui: &mut Ui,
    state: &State,
    acts: &mut Vec<PanelAct>,
    head: impl FnOnce(&mut Ui, &Palette, &mut Vec<PanelAct>),
    body: impl FnOnce(&mut Ui, &Palette, &mut Vec<PanelAct>),
) {
    let colours = palette(ui.ctx());
    let frame = Frame::new().fill(colours.ground);
    CentralPanel::default().frame(frame).show(ui, |ui| {
        let all = ui.max_rect();
        let top = Rect::from_min_size(all.min, vec2(all.width(), HEAD));
        draw_head(ui, top, state, &colours, acts, head);
        let rest = Rect::from_min_max(pos2(all.left(), top.bottom()), all.max);
        let mut inner = ui.new_child(UiBuilder::new().max_rect(rest));
        inner.set_clip_rect(rest);
        body(&mut inner, &colours, acts);
        let edge = Stroke::new(1.0, colours.line);
        ui.painter()
            .line_segment([all.left_top(), all.left_bottom()], edge);
        let above = match state.focused {
            true => Stroke::new(2.0, colours.accent),
            false => edge,
        };
        ui.painter()
            .line_segment([all.left_top(), all.right_top()], above);
    });
}

fn draw_head(
    ui: &mut Ui,
    place: Rect,
    state: &State,
    colours: &Palette,
    acts: &mut Vec<PanelAct>,
    head: impl FnOnce(&mut Ui, &Palette, &mut Vec<PanelAct>),
) {
    let inside = place.shrink2(vec2(10.0, 3.0));
    let mut ui = ui.new_child(
        UiBuilder::new()
            .max_rect(inside)
            .layout(Layout::right_to_left(Align::Center)),
    );
    ui.set_clip_rect(place);
    ui.spacing_mut().item_spacing.x = 6.0;
    if cross(&mut ui, colours, "close").clicked() {
        acts.push(PanelAct::Close(state.panel));
    }
    let left = Layout::left_to_right(Align::Center);
    ui.with_layout(left, |ui| {
        let title = RichText::new(state.panel.title())
            .color(colours.text)
            .strong();
        ui.label(title);
        head(ui, colours, acts);
    });
}

/// A small button with a cross.
pub(super) fn cross(ui: &mut Ui, colours: &Palette, name: &str) -> egui::Response {
    let (place, _) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
    let response = ui.interact(place, ui.scope_id().with(("cross", name)), Sense::click());
    let ink = match response.hovered() {
        true => {
            ui.painter()
                .rect_filled(place, CornerRadius::same(3), colours.hover);
            colours.text
        }
        false => colours.weak,
    };
    let stroke = Stroke::new(1.3, ink);
    let (centre, arm) = (place.center(), 3.5);
    let line = |a: f32, b: f32| [centre + vec2(-a, -b), centre + vec2(a, b)];
    ui.painter().line_segment(line(arm, arm), stroke);
    ui.painter().line_segment(line(arm, -arm), stroke);
    response
}

/// A quiet button in a head.
pub(super) fn button(ui: &mut Ui, text: &str, enabled: bool) -> bool {
    let button = egui::Button::new(RichText::new(text).size(12.0)).stroke(Stroke::NONE);
    ui.add_enabled(enabled, button.min_size(vec2(0.0, ITEM)))
        .clicked()
}

/// The keys that open a panel, where there is room for them.
pub(super) fn shortcut(ui: &mut Ui, colours: &Palette, panel: Panel) {
    let text = format!("Ctrl+Alt+Shift+{}", panel.letter().to_ascii_uppercase());
    let font = FontId::proportional(11.0);
    if ui.available_width() > text_width(ui, &text, &font) + 12.0 {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(text).font(font).color(colours.weak));
        });
    }
}

/// Says why there is nothing, in the middle of the panel.
pub(super) fn lack(ui: &mut Ui, colours: &Palette, words: &(String, String)) {
    let place = ui.max_rect().shrink2(vec2(16.0, 12.0));
    let width = place.width().min(460.0);
    let (what, how) = words;
    let wrapped = |text: &str, font: FontId, ink: Color32| {
        ui.painter().layout(text.to_owned(), font, ink, width)
    };
    let what = wrapped(what, FontId::proportional(14.0), colours.text);
    let (advice, command) = how.split_once('\n').unwrap_or((how, ""));
    let advice = wrapped(advice, FontId::proportional(12.0), colours.weak);
    let command = wrapped(command, FontId::monospace(12.0), colours.text);
    let gap = 8.0;
    let height = what.size().y + advice.size().y + command.size().y + 2.0 * gap;
    let galleys = [what, advice, command];
    let widest = galleys
        .iter()
        .fold(0.0_f32, |widest, galley| widest.max(galley.size().x));
    let left = (place.center().x - widest / 2.0).round();
    let mut top = (place.center().y - height / 2.0).max(place.top());
    for galley in galleys {
        let at = pos2(left, top.round());
        top += galley.size().y + gap;
        ui.painter().galley(at, galley, colours.text);
    }
}

/// Words in the middle of an empty panel.
pub(super) fn empty(ui: &Ui, colours: &Palette, words: &str) {
    let font = FontId::proportional(13.0);
    let at = ui.max_rect().center();
    ui.painter()
        .text(at, Align2::CENTER_CENTER, words, font, colours.weak);
}

/// Room around a panel's contents.
pub(super) const MARGIN: Margin = Margin::symmetric(12, 8);
