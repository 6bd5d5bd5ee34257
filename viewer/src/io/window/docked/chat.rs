//! The chat's panel: the talk, and below it what is being written. Links are text, and nothing opens them.

use egui::{
    Align2, CornerRadius, FontId, Frame, Label, Margin, Rect, RichText, ScrollArea, Stroke,
    StrokeKind, TextEdit, Ui, UiBuilder, pos2, vec2,
};
use sightline_program::clock::local_time;
use sightline_ui::{Palette, palette};

use super::PanelAct;
use super::parts::{self, State};
use crate::pure::panels::Panel;
use crate::pure::panels::chat::{Chat, Line};

/// Height of the field to write in, in points: three lines.
const FIELD: f32 = 84.0;
/// About how wide a letter and how high a line of them is, and what a message has around its lines, in points.
const LETTER: f32 = 6.5;
const LINE: f32 = 17.0;
const FRAME: f32 = 34.0;

pub(super) fn show(ui: &mut Ui, state: &State, chat: &mut Chat, acts: &mut Vec<PanelAct>) {
    let head = |ui: &mut Ui, colours: &Palette, _: &mut Vec<PanelAct>| {
        parts::shortcut(ui, colours, state.panel);
    };
    parts::panel(ui, state, acts, head, |ui, colours, acts| {
        talk(ui, colours, state, chat, acts);
    });
}

/// The same without a panel's head, in a window of its own that has the keyboard. Says whether Send was clicked.
pub(in crate::io::window) fn alone(ui: &mut Ui, computer: &str, chat: &mut Chat) -> bool {
    let colours = palette(ui.ctx());
    let state = State {
        panel: Panel::Chat,
        focused: true,
        replay: false,
        computer,
        technician: "You",
        lack: None,
    };
    let mut acts = Vec::new();
    talk(ui, &colours, &state, chat, &mut acts);
    !acts.is_empty()
}

fn talk(ui: &mut Ui, colours: &Palette, state: &State, chat: &mut Chat, acts: &mut Vec<PanelAct>) {
    let all = ui.max_rect();
    let field = if state.replay { 0.0 } else { FIELD };
    let middle = pos2(all.right(), all.bottom() - field);
    let talk = Rect::from_min_max(all.min, middle);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(talk));
    inner.set_clip_rect(talk);
    lines(&mut inner, colours, state, chat);
    if state.replay {
        return;
    }
    let field = Rect::from_min_max(pos2(all.left(), middle.y), all.max);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(field));
    write(&mut inner, colours, state, chat, acts);
}

fn lines(ui: &mut Ui, colours: &Palette, state: &State, chat: &Chat) {
    if chat.lines().next().is_none() && state.replay {
        return parts::empty(ui, colours, "Nothing was said until now.");
    }
    if chat.lines().next().is_none() {
        let words = format!(
            "Nothing was said yet. The user of\n{} reads what you write here.",
            state.computer
        );
        return parts::empty(ui, colours, &words);
    }
    let area = ScrollArea::vertical()
        .stick_to_bottom(true)
        .auto_shrink(false);
    ui.spacing_mut().item_spacing.y = 0.0;
    let in_a_line = ((ui.available_width() - 50.0) / LETTER).max(1.0);
    let guess = |number| {
        let text = chat.line(number).map_or("", |line| &line.text);
        FRAME + (text.chars().count() as f32 / in_a_line).ceil() * LINE
    };
    // Of a thousand messages of some pages each only those in sight cost anything.
    sightline_ui::rows(ui, area, chat.numbers(), guess, |ui, number| {
        let margin = Margin {
            top: if number == chat.numbers().start {
                10
            } else {
                0
            },
            bottom: 6,
            ..parts::MARGIN
        };
        Frame::new().inner_margin(margin).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 3.0;
            if let Some(line) = chat.line(number) {
                message(ui, colours, state, line);
            }
        });
    });
}

fn message(ui: &mut Ui, colours: &Palette, state: &State, line: &Line) {
    let who = if line.own {
        state.technician
    } else {
        state.computer
    };
    let ink = if line.own {
        colours.weak
    } else {
        colours.accent
    };
    ui.horizontal(|ui| {
        ui.label(RichText::new(who).size(11.0).color(ink).strong());
        if let Some(at) = line.at_ms {
            let time = local_time(at);
            let time = time.get(11..16).unwrap_or_default().to_owned();
            ui.label(RichText::new(time).size(11.0).color(colours.weak));
        }
    });
    let (fill, text) = match line.own {
        true => (colours.raised, colours.text),
        false => (colours.hover, colours.text),
    };
    let bubble = Frame::new()
        .fill(fill)
        .corner_radius(CornerRadius::same(5))
        .inner_margin(Margin::symmetric(9, 5));
    bubble.show(ui, |ui| {
        ui.set_max_width(ui.available_width() - 4.0);
        let text = RichText::new(&line.text).color(text);
        ui.add(Label::new(text).wrap().selectable(true));
    });
}

fn write(ui: &mut Ui, colours: &Palette, state: &State, chat: &mut Chat, acts: &mut Vec<PanelAct>) {
    let place = ui.max_rect();
    ui.painter().line_segment(
        [place.left_top(), place.right_top()],
        Stroke::new(1.0, colours.line),
    );
    let inside = place.shrink2(vec2(12.0, 10.0));
    let button = Rect::from_min_max(inside.max - vec2(54.0, 24.0), inside.max);
    let too_many = chat.too_many();
    let ready = !chat.draft.trim().is_empty() && too_many == 0;
    let ink = if ready {
        colours.on_accent
    } else {
        colours.weak
    };
    let send = egui::Button::new(RichText::new("Send").color(ink))
        .fill(if ready {
            colours.accent
        } else {
            colours.raised
        })
        .stroke(Stroke::NONE);
    if ui.put(button, send).clicked() && ready {
        acts.push(PanelAct::SendChat);
    }
    if too_many > 0 {
        let words = format!("{too_many} too\nmany");
        let (at, font) = (
            button.right_top() - vec2(0.0, 5.0),
            FontId::proportional(11.0),
        );
        ui.painter()
            .text(at, Align2::RIGHT_BOTTOM, words, font, colours.danger);
    }
    let field = Rect::from_min_max(inside.min, pos2(button.left() - 8.0, inside.max.y));
    draft(ui, colours, field, state, chat);
}

/// The field that is written in; it scrolls when there is more than it has room for.
fn draft(ui: &mut Ui, colours: &Palette, place: Rect, state: &State, chat: &mut Chat) {
    let outline = if state.focused {
        colours.accent
    } else {
        colours.line
    };
    let painter = ui.painter();
    let corner = CornerRadius::same(4);
    painter.rect_filled(place, corner, ui.visuals().extreme_bg_color);
    painter.rect_stroke(place, corner, Stroke::new(1.0, outline), StrokeKind::Inside);
    let inside = place.shrink2(vec2(7.0, 5.0));
    let mut inner = ui.new_child(UiBuilder::new().max_rect(inside));
    inner.set_clip_rect(inside.expand(1.0));
    let area = ScrollArea::vertical().auto_shrink(false);
    area.show(&mut inner, |ui| {
        let field = TextEdit::multiline(&mut chat.draft)
            .id_salt("draft")
            .frame(Frame::NONE)
            .desired_rows(3)
            .desired_width(inside.width())
            .hint_text("Write to the user; Enter sends")
            .show(ui);
        let response = field.response.response;
        if state.focused && !response.has_focus() {
            response.request_focus();
        } else if !state.focused && response.has_focus() {
            response.surrender_focus();
        }
    });
}
