//! The panel with all that happened in a recorded session: what playback has passed, and what is to come. A click goes there.

use egui::{
    Align2, Color32, CornerRadius, FontId, Label, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder,
    pos2, text::LayoutJob, vec2,
};
use sightline_ui::{Palette, palette};

use super::PanelAct;
use super::parts::{self, State};
use crate::pure::evidence::rows::clock;
use crate::pure::panels::log::{Entry, Log, Read};

/// Height of an entry, in points: a line that says what and when, two of its text.
const ENTRY: f32 = 52.0;
/// Width of the bar at the newest entry.
const NEWEST: f32 = 3.0;

pub(super) fn show(ui: &mut Ui, state: &State, log: &Log, acts: &mut Vec<PanelAct>) {
    let head = |ui: &mut Ui, colours: &Palette, _: &mut Vec<PanelAct>| {
        let words = match log.read() {
            Read::Part(percent) => format!("reading: {percent} %"),
            Read::NotBegun | Read::All | Read::Stopped(_) => String::new(),
        };
        ui.label(RichText::new(words).size(11.0).color(colours.weak));
        parts::shortcut(ui, colours, state.panel);
    };
    parts::panel(ui, state, acts, head, |ui, colours, acts| {
        if log.entries().is_empty() {
            let words = match log.read() {
                Read::NotBegun | Read::Part(_) => "The recording is being read…",
                Read::All | Read::Stopped(_) => "There is nothing to list.",
            };
            return parts::empty(ui, colours, words);
        }
        remark(ui, colours, log);
        list(ui, state, log, acts);
    });
}

/// Why the list is not whole.
fn remark(ui: &mut Ui, colours: &Palette, log: &Log) {
    let words = match log.read() {
        Read::Stopped(why) => format!("Read up to here only: {why}"),
        _ if log.has_more() => {
            "There is more than is listed: sightline export has all of it.".to_owned()
        }
        _ => return,
    };
    let margin = egui::Frame::new().inner_margin(parts::MARGIN);
    margin.show(ui, |ui| {
        ui.add(Label::new(RichText::new(words).color(colours.caution)).wrap());
    });
}

fn list(ui: &mut Ui, state: &State, log: &Log, acts: &mut Vec<PanelAct>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let height = ui.available_height();
    let passed = log.happened().end;
    let mut area = ScrollArea::vertical().auto_shrink(false);
    // It follows playback, but not under the hand of someone who looks elsewhere in it.
    let id = ui.make_persistent_id("followed");
    let followed: Option<usize> = ui.data(|data| data.get_temp(id));
    let pointed_at = ui.rect_contains_pointer(ui.max_rect());
    if followed != Some(passed) && !pointed_at {
        let newest = passed as f32 * ENTRY;
        let most = (log.entries().len() as f32 * ENTRY - height).max(0.0);
        area = area.vertical_scroll_offset((newest - height / 2.0).clamp(0.0, most));
        ui.data_mut(|data| data.insert_temp(id, passed));
    }
    area.show_rows(ui, ENTRY, log.entries().len(), |ui, rows| {
        for number in rows {
            let size = vec2(ui.available_width(), ENTRY);
            let (place, response) = ui.allocate_exact_size(size, Sense::click());
            if response.hovered() {
                let fill = palette(ui.ctx()).hover;
                ui.painter().rect_filled(place, CornerRadius::ZERO, fill);
            }
            let entry = &log.entries()[number];
            draw(
                ui,
                place,
                state,
                entry,
                (number < passed, number + 1 == passed),
            );
            if response.clicked() {
                acts.push(PanelAct::GoTo(entry.at));
            }
        }
    });
}

fn draw(ui: &mut Ui, place: Rect, state: &State, entry: &Entry, (passed, newest): (bool, bool)) {
    let colours = palette(ui.ctx());
    if newest {
        let bar = Rect::from_min_size(place.min, vec2(NEWEST, place.height()));
        ui.painter()
            .rect_filled(bar, CornerRadius::ZERO, colours.accent);
    }
    // What is to come is there to be gone to.
    let dim = |ink: Color32| if passed { ink } else { ink.gamma_multiply(0.6) };
    let inside = place.shrink2(vec2(12.0, 4.0));
    let small = FontId::proportional(11.0);
    let what = if entry.stands_out {
        colours.caution
    } else {
        colours.accent
    };
    let who = match entry.by_technician {
        Some(true) => state.technician,
        Some(false) => state.computer,
        None => "",
    };
    let at = inside.left_top();
    let drawn = ui
        .painter()
        .text(at, Align2::LEFT_TOP, entry.what, small.clone(), dim(what));
    let at = pos2(drawn.right() + 8.0, inside.top());
    ui.painter()
        .text(at, Align2::LEFT_TOP, who, small.clone(), dim(colours.weak));
    let time = clock(entry.offset_us);
    ui.painter().text(
        inside.right_top(),
        Align2::RIGHT_TOP,
        time,
        small,
        dim(colours.weak),
    );
    let rest = Rect::from_min_max(pos2(inside.left(), inside.top() + 15.0), inside.max);
    let mut text = LayoutJob::simple(
        entry.text.clone(),
        FontId::proportional(12.0),
        dim(colours.text),
        rest.width(),
    );
    text.wrap.max_rows = 2;
    let mut inner = ui.new_child(UiBuilder::new().max_rect(rest));
    inner.add(Label::new(text).selectable(false));
}
