//! The files' panel: two folders side by side, and below them the transfers.

use egui::{
    Align, Align2, CornerRadius, FontId, Layout, Rect, Response, RichText, ScrollArea, Sense,
    Stroke, Ui, UiBuilder, pos2, vec2,
};
use sightline_ends::content::{Collision, EntryKind, Listed};
use sightline_ends::transfer::shown;
use sightline_program::clock::local_time;
use sightline_program::transfer::bytes_text;
use sightline_ui::Palette;

use super::PanelAct;
use super::parts::{self, State};
use crate::io::window::panels::text_width;
use crate::pure::panels::files::{self, Files, Pane, Side, Transfer};

/// Heights in points: of a row, of a pane's head, of a transfer's line.
const ROW: f32 = 20.0;
const HEAD: f32 = 28.0;
const LINE: f32 = 26.0;
/// Between the panes, for the buttons that copy, in points.
const MIDDLE: f32 = 76.0;
/// Transfers that are seen without scrolling.
const LINES: usize = 3;
/// Narrower panes show no times, and then no sizes, in points.
const WITH_TIMES: f32 = 400.0;
const WITH_SIZES: f32 = 260.0;

/// What a person did with files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::io::window) enum FileAct {
    Choose(Side, usize, bool, bool),
    Enter(Side, usize),
    Above(Side),
    Refresh(Side),
    Hidden(Side, bool),
    Activate(Side),
    Copy(Side),
    Drag(Side),
    /// Let go, over a row of the other side, over that side, or elsewhere.
    Drop(Option<Option<usize>>),
    Collide(u32, Collision),
    Stop(u32),
}

pub(super) fn show(ui: &mut Ui, state: &State, files: &Files, acts: &mut Vec<PanelAct>) {
    let head = |ui: &mut Ui, colours: &Palette, _: &mut Vec<PanelAct>| {
        parts::shortcut(ui, colours, state.panel);
    };
    let mut done = Vec::new();
    parts::panel(ui, state, acts, head, |ui, colours, _| {
        let all = ui.max_rect();
        let count = files.transfers().count();
        let below = count.min(LINES) as f32 * LINE;
        let above = Rect::from_min_max(all.min, all.max - vec2(0.0, below));
        match state.lack {
            Some(words) => {
                let mut inner = ui.new_child(UiBuilder::new().max_rect(above));
                parts::lack(&mut inner, colours, words);
            }
            None => panes(ui, colours, state, files, above, &mut done),
        }
        if count > 0 {
            let place = Rect::from_min_max(pos2(all.left(), above.bottom()), all.max);
            transfers(ui, colours, state, files, place, &mut done);
        }
    });
    acts.extend(done.into_iter().map(PanelAct::File));
}

fn panes(
    ui: &mut Ui,
    colours: &Palette,
    state: &State,
    files: &Files,
    all: Rect,
    acts: &mut Vec<FileAct>,
) {
    let width = ((all.width() - MIDDLE) / 2.0).floor();
    let left = Rect::from_min_size(all.min, vec2(width, all.height()));
    let right = Rect::from_min_max(pos2(all.right() - width, all.top()), all.max);
    let middle = Rect::from_min_max(left.right_top(), right.left_bottom());
    let here = pane(ui, colours, state, files, Side::Here, left, acts);
    let there = pane(ui, colours, state, files, Side::There, right, acts);
    copy_buttons(ui, files, middle, acts);
    let Some(from) = files.dragged() else {
        return;
    };
    let (pointer, released) =
        ui.input(|input| (input.pointer.latest_pos(), input.pointer.any_released()));
    let (target, hovered) = match from {
        Side::Here => (right, there),
        Side::There => (left, here),
    };
    let over = pointer.filter(|at| target.contains(*at));
    if released {
        return acts.push(FileAct::Drop(over.map(|_| hovered)));
    }
    if over.is_some() {
        let stroke = Stroke::new(2.0, colours.accent);
        let frame = target.shrink(1.0);
        ui.painter().rect_stroke(
            frame,
            CornerRadius::same(3),
            stroke,
            egui::StrokeKind::Inside,
        );
    }
    if let Some(at) = pointer {
        let count = files.pane(from).chosen();
        let what = if count == 1 {
            "1 item".to_owned()
        } else {
            format!("{count} items")
        };
        let font = FontId::proportional(12.0);
        let size = vec2(text_width(ui, &what, &font) + 16.0, 22.0);
        let place = Rect::from_min_size(at + vec2(12.0, 6.0), size);
        ui.painter()
            .rect_filled(place, CornerRadius::same(4), colours.accent);
        ui.painter().text(
            place.center(),
            Align2::CENTER_CENTER,
            what,
            font,
            colours.on_accent,
        );
    }
}

fn copy_buttons(ui: &mut Ui, files: &Files, place: Rect, acts: &mut Vec<FileAct>) {
    let size = vec2(MIDDLE - 12.0, 24.0);
    let top = Rect::from_center_size(place.center() - vec2(0.0, 16.0), size);
    let bottom = top.translate(vec2(0.0, 32.0));
    for (side, text, at) in [
        (Side::Here, "Send  →", top),
        (Side::There, "←  Fetch", bottom),
    ] {
        let able = !files.pane(side).entries().is_empty();
        let mut inner = ui.new_child(UiBuilder::new().max_rect(at));
        let button = egui::Button::new(RichText::new(text).size(12.0)).stroke(Stroke::NONE);
        if inner.add_enabled(able, button.min_size(size)).clicked() {
            acts.push(FileAct::Copy(side));
        }
    }
}

/// One folder; the row under the pointer.
fn pane(
    ui: &mut Ui,
    colours: &Palette,
    state: &State,
    files: &Files,
    side: Side,
    place: Rect,
    acts: &mut Vec<FileAct>,
) -> Option<usize> {
    let shown = files.pane(side);
    let active = state.focused && files.active() == side;
    let head = Rect::from_min_size(place.min, vec2(place.width(), HEAD));
    pane_head(ui, colours, state, shown, side, head, active, acts);
    let rows = Rect::from_min_max(head.left_bottom(), place.max).shrink2(vec2(6.0, 0.0));
    ui.painter()
        .rect_filled(rows, CornerRadius::same(3), ui.visuals().extreme_bg_color);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(rows).id_salt(("pane", side)));
    inner.set_clip_rect(rows);
    let words = match (shown.error(), shown.is_loading()) {
        (Some(why), _) => Some(why),
        (None, true) if shown.entries().is_empty() => Some("…"),
        (None, _) if shown.entries().is_empty() => Some("Nothing is in this folder."),
        _ => None,
    };
    if let Some(words) = words {
        parts::empty(&inner, colours, words);
        if inner
            .interact(rows, inner.scope_id().with("nothing"), Sense::click())
            .clicked()
        {
            acts.push(FileAct::Activate(side));
        }
        return None;
    }
    list(&mut inner, colours, shown, side, active, acts)
}

#[expect(clippy::too_many_arguments, reason = "one line of a pane, drawn once")]
fn pane_head(
    ui: &mut Ui,
    colours: &Palette,
    state: &State,
    pane: &Pane,
    side: Side,
    place: Rect,
    active: bool,
    acts: &mut Vec<FileAct>,
) {
    let layout = Layout::right_to_left(Align::Center);
    let inside = place.shrink2(vec2(8.0, 2.0));
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inside).layout(layout));
    ui.spacing_mut().item_spacing.x = 4.0;
    let hidden = pane.shows_hidden();
    if parts::button(&mut ui, if hidden { "Hide .*" } else { "Show .*" }, true) {
        acts.push(FileAct::Hidden(side, !hidden));
    }
    let wide = place.width() > WITH_SIZES;
    if wide && parts::button(&mut ui, "Refresh", !pane.is_loading()) {
        acts.push(FileAct::Refresh(side));
    }
    if parts::button(&mut ui, "Up", pane.path() != "/") {
        acts.push(FileAct::Above(side));
    }
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.set_clip_rect(ui.max_rect().intersect(ui.clip_rect()));
        let name = match side {
            Side::Here => "This computer",
            Side::There => state.computer,
        };
        let ink = if active { colours.accent } else { colours.text };
        ui.label(RichText::new(name).size(12.0).color(ink).strong());
        let font = FontId::proportional(12.0);
        let path = from_end(ui, &pane.path(), &font, ui.available_width());
        ui.label(RichText::new(path).font(font).color(colours.weak));
    });
}

/// As much of a path's end as there is room for: that is what tells folders apart.
fn from_end(ui: &Ui, path: &str, font: &FontId, room: f32) -> String {
    if text_width(ui, path, font) <= room {
        return path.to_owned();
    }
    let cuts = path.char_indices().map(|(at, _)| at).skip(1);
    let mut shortened = cuts.map(|at| format!("…{}", &path[at..]));
    let fits = shortened.find(|path| text_width(ui, path, font) <= room);
    fits.unwrap_or_default()
}

fn list(
    ui: &mut Ui,
    colours: &Palette,
    pane: &Pane,
    side: Side,
    active: bool,
    acts: &mut Vec<FileAct>,
) -> Option<usize> {
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut hovered = None;
    let height = ui.available_height();
    let mut area = ScrollArea::vertical()
        .auto_shrink(false)
        .id_salt(("rows", side));
    let seen = ui.data(|data| data.get_temp::<(usize, f32)>(ui.scope_id()));
    let (was_at, offset) = seen.unwrap_or_default();
    if was_at != pane.at() {
        // The row that keys act on stays in sight.
        let (top, bottom) = (pane.at() as f32 * ROW, (pane.at() + 1) as f32 * ROW);
        let to = offset.min(top).max(bottom - height);
        area = area.vertical_scroll_offset(to);
    }
    let output = area.show_rows(ui, ROW, pane.entries().len(), |ui, rows| {
        for index in rows {
            let Some(entry) = pane.entries().get(index) else {
                continue;
            };
            let response = row(ui, colours, pane, entry, index, active);
            if response.contains_pointer() {
                hovered = Some(index);
            }
            row_acts(ui, &response, pane, side, index, acts);
        }
    });
    let id = ui.scope_id();
    ui.data_mut(|data| data.insert_temp(id, (pane.at(), output.state.clamped_offset().y)));
    hovered
}

fn row_acts(
    ui: &Ui,
    response: &Response,
    pane: &Pane,
    side: Side,
    index: usize,
    acts: &mut Vec<FileAct>,
) {
    let held = ui.input(|input| input.modifiers);
    if response.double_clicked() {
        acts.push(FileAct::Enter(side, index));
    } else if response.clicked() {
        acts.push(FileAct::Choose(side, index, held.ctrl, held.shift));
    } else if response.drag_started() {
        if !pane.is_chosen(index) {
            acts.push(FileAct::Choose(side, index, false, false));
        }
        acts.push(FileAct::Drag(side));
    }
}

fn row(
    ui: &mut Ui,
    colours: &Palette,
    pane: &Pane,
    entry: &Listed,
    index: usize,
    active: bool,
) -> Response {
    let size = vec2(ui.available_width(), ROW);
    let (place, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let chosen = pane.is_chosen(index);
    if chosen {
        let fill = if active { colours.accent } else { colours.line };
        ui.painter().rect_filled(place, CornerRadius::same(3), fill);
    } else if response.hovered() {
        ui.painter()
            .rect_filled(place, CornerRadius::same(3), colours.raised);
    }
    if active && pane.at() == index {
        let stroke = Stroke::new(1.0, if chosen { colours.text } else { colours.accent });
        let corner = CornerRadius::same(3);
        ui.painter()
            .rect_stroke(place, corner, stroke, egui::StrokeKind::Inside);
    }
    let ink = match (chosen && active, entry.kind) {
        (_, None) => colours.weak,
        (true, _) => colours.on_accent,
        (false, _) => colours.text,
    };
    let weak = if chosen && active {
        colours.on_accent
    } else {
        colours.weak
    };
    let mut right = place.right() - 8.0;
    let font = FontId::proportional(12.0);
    if place.width() > WITH_TIMES {
        let time = local_time(entry.modified_ms);
        let time = time.get(..16).unwrap_or_default();
        let at = pos2(right, place.center().y);
        let drawn = ui
            .painter()
            .text(at, Align2::RIGHT_CENTER, time, font.clone(), weak);
        right = drawn.left() - 16.0;
    }
    if place.width() > WITH_SIZES {
        let at = pos2(right, place.center().y);
        let drawn = ui.painter().text(
            at,
            Align2::RIGHT_CENTER,
            size_text(entry),
            font.clone(),
            weak,
        );
        right = drawn.left() - 12.0;
    }
    icon(ui, colours, place, entry, weak);
    let names = Rect::from_min_max(place.min + vec2(26.0, 0.0), pos2(right, place.bottom()));
    let painter = ui.painter().with_clip_rect(names.intersect(ui.clip_rect()));
    let name = shown(&entry.name);
    painter.text(
        names.left_center(),
        Align2::LEFT_CENTER,
        name,
        FontId::proportional(13.0),
        ink,
    );
    response
}

fn size_text(entry: &Listed) -> String {
    match entry.kind {
        Some(EntryKind::File { bytes, .. }) => bytes_text(bytes),
        Some(EntryKind::Folder) => String::new(),
        None => "not copied".to_owned(),
    }
}

/// A folder, or a sheet.
fn icon(ui: &Ui, colours: &Palette, row: Rect, entry: &Listed, ink: egui::Color32) {
    let at = pos2(row.left() + 14.0, row.center().y).round();
    if entry.kind == Some(EntryKind::Folder) {
        let body = Rect::from_center_size(at + vec2(0.0, 1.0), vec2(13.0, 9.0));
        let tab = Rect::from_min_size(body.min - vec2(0.0, 2.0), vec2(6.0, 4.0));
        ui.painter()
            .rect_filled(tab, CornerRadius::same(1), colours.caution);
        ui.painter()
            .rect_filled(body, CornerRadius::same(1), colours.caution);
    } else {
        let sheet = Rect::from_center_size(at, vec2(9.0, 12.0));
        let stroke = Stroke::new(1.0, ink);
        ui.painter().rect_stroke(
            sheet,
            CornerRadius::same(1),
            stroke,
            egui::StrokeKind::Inside,
        );
    }
}

fn transfers(
    ui: &mut Ui,
    colours: &Palette,
    state: &State,
    files: &Files,
    place: Rect,
    acts: &mut Vec<FileAct>,
) {
    ui.painter()
        .rect_filled(place, CornerRadius::ZERO, colours.raised);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(place).id_salt("transfers"));
    inner.set_clip_rect(place);
    inner.spacing_mut().item_spacing.y = 0.0;
    let area = ScrollArea::vertical().auto_shrink(false);
    area.show(&mut inner, |ui| {
        for transfer in files.transfers() {
            let size = vec2(ui.available_width(), LINE);
            let (place, _) = ui.allocate_exact_size(size, Sense::hover());
            line(ui, colours, state, transfer, place, acts);
        }
    });
}

/// One transfer: what, how far, and what can be done about it.
fn line(
    ui: &mut Ui,
    colours: &Palette,
    state: &State,
    transfer: &Transfer,
    place: Rect,
    acts: &mut Vec<FileAct>,
) {
    if let Some(share) = transfer.share().filter(|_| !transfer.is_over()) {
        let full = Rect::from_min_size(
            place.left_bottom() - vec2(0.0, 3.0),
            vec2(place.width() * share.clamp(0.0, 1.0), 3.0),
        );
        ui.painter()
            .rect_filled(full, CornerRadius::ZERO, colours.accent);
    }
    let layout = Layout::right_to_left(Align::Center);
    let inside = place.shrink2(vec2(10.0, 2.0));
    let salt = ("transfer", transfer.seat);
    let mut ui = ui.new_child(
        UiBuilder::new()
            .max_rect(inside)
            .layout(layout)
            .id_salt(salt),
    );
    if parts::cross(&mut ui, colours, "stop").clicked() {
        acts.push(FileAct::Stop(transfer.seat));
    }
    if let files::State::Exists(_) = transfer.state {
        let choices = [
            ("Skip", Collision::Skip),
            ("Replace", Collision::Replace),
            ("Keep both", Collision::KeepBoth),
        ];
        for (text, collision) in choices {
            let button = egui::Button::new(RichText::new(text).size(12.0)).fill(colours.hover);
            if ui.add(button.stroke(Stroke::NONE)).clicked() {
                acts.push(FileAct::Collide(transfer.seat, collision));
            }
        }
    }
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        let arrow = if transfer.from == Side::Here {
            "→"
        } else {
            "←"
        };
        ui.label(RichText::new(arrow).color(colours.accent));
        let ink = match (&transfer.state, transfer.is_bad()) {
            (_, true) | (files::State::Exists(_), _) => colours.caution,
            (files::State::Done(_), _) => colours.text,
            _ => colours.weak,
        };
        let half = vec2((ui.available_width() * 0.45).floor(), ui.available_height());
        ui.allocate_ui_with_layout(half, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(half.x);
            let title = RichText::new(transfer.title())
                .size(12.0)
                .color(colours.text);
            ui.add(egui::Label::new(title).truncate());
        });
        let words = RichText::new(transfer.words(state.computer))
            .size(12.0)
            .color(ink);
        ui.add(egui::Label::new(words).truncate());
    });
}
