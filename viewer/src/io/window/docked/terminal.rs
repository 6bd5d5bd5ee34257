//! The terminals' panel.

use egui::epaint::Mesh;
use egui::{
    Align, Align2, Color32, CornerRadius, FontId, Layout, Painter, Rect, RichText, Sense, Shape,
    Stroke, StrokeKind, Ui, UiBuilder, Vec2, pos2, vec2,
};
use sightline_ui::Palette;

use super::PanelAct;
use super::parts::{self, State};
use crate::io::window::panels::text_width;
use crate::pure::panels::terminal::{self, Tab, Terminals};
use crate::pure::terminal::cells::{self, COLOURS, Place, Run};
use crate::pure::terminal::mouse::Did;

/// Height of the letters in points.
const LETTERS: f32 = 13.0;
/// Between the panel's edge and the cells, in points.
const MARGIN: f32 = 6.0;
/// Height of the line that says how a terminal ended, in points.
const FOOT: f32 = 28.0;

pub(super) fn show(ui: &mut Ui, state: &State, terminals: &Terminals, acts: &mut Vec<PanelAct>) {
    let head = |ui: &mut Ui, colours: &Palette, acts: &mut Vec<PanelAct>| {
        for (index, tab) in terminals.tabs().iter().enumerate() {
            let shown = index == terminals.shown();
            tab_head(ui, colours, state, tab, (index, shown), acts);
        }
        if state.lack.is_none() && !state.replay && parts::button(ui, "+", true) {
            acts.push(PanelAct::NewTerminal);
        }
        parts::shortcut(ui, colours, state.panel);
    };
    parts::panel(ui, state, acts, head, |ui, colours, acts| {
        let (Some(tab), _) = (terminals.tab(), ()) else {
            return match state.lack {
                Some(words) => parts::lack(ui, colours, words),
                None if state.replay => {
                    parts::empty(ui, colours, "No terminal was opened until now.")
                }
                None => parts::empty(ui, colours, "No terminal is open: + opens one."),
            };
        };
        body(ui, colours, state, tab, acts);
    });
}

/// A tab: its name, and a cross that closes it.
fn tab_head(
    ui: &mut Ui,
    colours: &Palette,
    state: &State,
    tab: &Tab,
    (index, shown): (usize, bool),
    acts: &mut Vec<PanelAct>,
) {
    let font = FontId::proportional(12.0);
    let name = tab.name();
    let cross = if state.replay { 0.0 } else { 14.0 };
    let size = vec2(text_width(ui, &name, &font) + 18.0 + cross, 22.0);
    let (place, response) = ui.allocate_exact_size(size, Sense::click());
    let fill = match (shown, response.hovered()) {
        (true, _) => colours.raised,
        (false, true) => colours.hover,
        (false, false) => colours.ground,
    };
    ui.painter().rect_filled(place, CornerRadius::same(4), fill);
    let ink = if shown { colours.text } else { colours.weak };
    let at = place.left_center() + vec2(9.0, 0.0);
    ui.painter().text(at, Align2::LEFT_CENTER, &name, font, ink);
    let corner = Rect::from_center_size(place.right_center() - vec2(12.0, 0.0), Vec2::splat(18.0));
    let mut inner = ui.new_child(UiBuilder::new().max_rect(corner));
    if !state.replay && parts::cross(&mut inner, colours, &name).clicked() {
        acts.push(PanelAct::CloseTerminal(index));
    } else if response.clicked() && !shown {
        acts.push(PanelAct::ShowTerminal(index));
    }
}

fn body(ui: &mut Ui, colours: &Palette, state: &State, tab: &Tab, acts: &mut Vec<PanelAct>) {
    let all = ui.max_rect();
    ui.painter()
        .rect_filled(all, CornerRadius::ZERO, rgb(COLOURS.ground));
    let foot = foot_text(tab);
    let foot_height = if foot.is_some() { FOOT } else { 0.0 };
    let inside = Rect::from_min_max(
        all.min + Vec2::splat(MARGIN),
        all.max - vec2(MARGIN, MARGIN),
    );
    let cell = Cell::of(ui);
    let room = (inside.size() / cell.size).floor();
    acts.push(PanelAct::TerminalSize(room.x as u16, room.y as u16));
    let painter = ui.painter().with_clip_rect(all);
    // What is said at the foot covers no line that was written, and the last one is seen of a terminal that was larger than this panel.
    let rows = f32::from(tab.view().cursor_position().0 + 1);
    let covered = rows * cell.size.y + foot_height - inside.height();
    let origin = inside.min - vec2(0.0, covered.max(0.0));
    paint(&painter, &cell, origin, tab, state.focused);
    select(ui, &cell, inside, origin, tab, state, acts);
    scroll_mark(ui, colours, all, tab);
    if let Some(text) = foot {
        let place = Rect::from_min_max(pos2(all.left(), all.bottom() - foot_height), all.max);
        draw_foot(ui, colours, place, &text, tab, state, acts);
    }
}

/// The size of a cell: whole pixels, so that every column is as wide as the others.
struct Cell {
    size: Vec2,
    font: FontId,
}

impl Cell {
    fn of(ui: &Ui) -> Cell {
        let pixels = ui.ctx().pixels_per_point();
        ui.ctx().fonts_mut(|fonts| {
            // The width of a letter in a large size tells it more exactly.
            const LARGE: f32 = 256.0;
            let share = fonts.glyph_width(&FontId::monospace(LARGE), 'M') / LARGE;
            let width = (LETTERS * share * pixels).round().max(1.0);
            let font = FontId::monospace(width / (share * pixels));
            let height = (fonts.row_height(&font) * pixels).round().max(1.0);
            Cell {
                size: vec2(width, height) / pixels,
                font,
            }
        })
    }

    fn place(&self, origin: egui::Pos2, row: u16, column: u16, columns: u16) -> Rect {
        let at = origin + vec2(f32::from(column), f32::from(row)) * self.size;
        Rect::from_min_size(at, vec2(f32::from(columns) * self.size.x, self.size.y))
    }
}

fn rgb(colour: u32) -> Color32 {
    let [_, red, green, blue] = colour.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

fn paint(painter: &Painter, cell: &Cell, origin: egui::Pos2, tab: &Tab, focused: bool) {
    let view = tab.view();
    let mut grounds = Mesh::default();
    let mut texts = Vec::new();
    for row in 0..view.size().0.get() {
        for run in cells::row(view, row, tab.selected()) {
            let place = cell.place(origin, row, run.column, run.columns);
            if let Some(ground) = run.ground {
                grounds.add_colored_rect(place, rgb(ground));
            }
            texts.push((place, run));
        }
    }
    painter.add(Shape::mesh(grounds));
    for (place, run) in &texts {
        write(painter, cell, *place, run, rgb(run.ink));
    }
    cursor(painter, cell, origin, tab, focused);
}

fn write(painter: &Painter, cell: &Cell, place: Rect, run: &Run, ink: Color32) {
    let mut font = cell.font.clone();
    if run.alone {
        let wide = painter.layout_no_wrap(run.text.clone(), font.clone(), ink);
        // From another font: made to fit.
        let shrink = (place.width() / wide.size().x).min(1.0);
        font.size *= shrink;
        painter.text(place.center(), Align2::CENTER_CENTER, &run.text, font, ink);
    } else if !run.text.trim().is_empty() {
        let galley = painter.layout_no_wrap(run.text.clone(), font, ink);
        painter.galley(place.min, galley, ink);
    }
    if run.underline {
        let y = place.bottom() - 1.5;
        painter.hline(place.x_range(), y, Stroke::new(1.0, ink));
    }
}

/// A block where the keyboard is, a frame where it is not.
fn cursor(painter: &Painter, cell: &Cell, origin: egui::Pos2, tab: &Tab, focused: bool) {
    use vt100::CursorStyle::{
        BlinkUnderline, BlinkVerticalBar, SteadyUnderline, SteadyVerticalBar,
    };
    let view = tab.view();
    if view.hide_cursor() || view.scrollback() > 0 || !tab.is_running() {
        return;
    }
    let (row, column) = view.cursor_position();
    let column = column.min(view.size().1.get() - 1);
    let under = view.cell(row, column);
    let columns = if under.is_some_and(vt100::Cell::is_wide) {
        2
    } else {
        1
    };
    let place = cell.place(origin, row, column, columns);
    let ink = rgb(COLOURS.cursor);
    if !focused {
        let stroke = Stroke::new(1.0, ink);
        painter.rect_stroke(place, CornerRadius::ZERO, stroke, StrokeKind::Inside);
        return;
    }
    let part = match view.cursor_style() {
        SteadyUnderline | BlinkUnderline => {
            Rect::from_min_max(place.left_bottom() - vec2(0.0, 2.0), place.max)
        }
        SteadyVerticalBar | BlinkVerticalBar => {
            Rect::from_min_size(place.min, vec2(2.0, place.height()))
        }
        _ => {
            painter.rect_filled(place, CornerRadius::ZERO, ink);
            let text = under
                .filter(|cell| cell.has_contents())
                .map(vt100::Cell::contents);
            if let Some(text) = text {
                let galley =
                    painter.layout_no_wrap(text.to_owned(), cell.font.clone(), rgb(COLOURS.ground));
                painter.galley(place.min, galley, rgb(COLOURS.ground));
            }
            return;
        }
    };
    painter.rect_filled(part, CornerRadius::ZERO, ink);
}

/// The mouse selects text, or is the program's; with Shift it selects in any case.
fn select(
    ui: &Ui,
    cell: &Cell,
    inside: Rect,
    origin: egui::Pos2,
    tab: &Tab,
    state: &State,
    acts: &mut Vec<PanelAct>,
) {
    let id = ui.scope_id().with("cells");
    let response = ui.interact(inside, id, Sense::click_and_drag());
    let (rows, columns) = tab.view().size();
    // Between cells it is nearer to one or the other; over a cell it is in it.
    let place = |at: egui::Pos2, half: f32, last: u16| -> Place {
        let at = (at - origin) / cell.size;
        let bounded = |at: f32, last: u16| (at.clamp(0.0, f32::from(last)) as u16).min(last);
        (bounded(at.y, rows.get() - 1), bounded(at.x + half, last))
    };
    if tab.wants_mouse() && !state.replay && !ui.input(|input| input.modifiers.shift) {
        let over = |at| place(at, 0.0, columns.get() - 1);
        return mouse(ui, inside, over, acts);
    }
    let place = |at| place(at, 0.5, columns.get());
    let pressed = ui.input(|input| input.pointer.press_origin());
    if response.dragged()
        && let (Some(from), Some(to)) = (pressed, response.interact_pointer_pos())
    {
        acts.push(PanelAct::Select(place(from), place(to)));
    }
    if response.drag_stopped() {
        acts.push(PanelAct::Selected);
    } else if response.clicked() {
        acts.push(PanelAct::Select((0, 0), (0, 0)));
    }
}

/// What the mouse did, for the program.
fn mouse(ui: &Ui, inside: Rect, over: impl Fn(egui::Pos2) -> Place, acts: &mut Vec<PanelAct>) {
    let (at, pressed, down, released) = ui.input(|input| {
        let pointer = &input.pointer;
        let buttons = (pointer.primary_pressed(), pointer.primary_down());
        let at = pointer.latest_pos();
        (at, buttons.0, buttons.1, pointer.primary_released())
    });
    let Some(at) = at else {
        return;
    };
    let (place, is_inside) = (over(at), inside.contains(at));
    let did = [
        (pressed && is_inside, Did::Pressed),
        (down && !pressed, Did::Dragged),
        (released, Did::Released),
    ];
    let did = did.iter().filter(|(is, _)| *is);
    acts.extend(did.map(|(_, did)| PanelAct::Mouse(*did, place)));
    if is_inside && !down {
        acts.push(PanelAct::Pointed(place));
    }
}

/// How far back it is scrolled, at the right.
fn scroll_mark(ui: &Ui, colours: &Palette, all: Rect, tab: &Tab) {
    let view = tab.view();
    let (back, kept) = (view.scrollback(), view.scrollback_len());
    if back == 0 {
        return;
    }
    let rows = f32::from(view.size().0.get());
    let total = kept as f32 + rows;
    let height = (all.height() * rows / total).max(16.0);
    let top = (all.height() - height) * (kept - back.min(kept)) as f32 / kept.max(1) as f32;
    let bar = Rect::from_min_size(pos2(all.right() - 5.0, all.top() + top), vec2(4.0, height));
    ui.painter()
        .rect_filled(bar, CornerRadius::same(2), colours.weak);
}

fn foot_text(tab: &Tab) -> Option<String> {
    match &tab.state {
        terminal::State::Opening => Some("Opening a terminal…".to_owned()),
        terminal::State::Ended(why) => Some(why.clone()),
        terminal::State::Running => tab.remark.map(str::to_owned),
    }
}

fn draw_foot(
    ui: &mut Ui,
    colours: &Palette,
    place: Rect,
    text: &str,
    tab: &Tab,
    state: &State,
    acts: &mut Vec<PanelAct>,
) {
    ui.painter()
        .rect_filled(place, CornerRadius::ZERO, colours.raised);
    let layout = Layout::right_to_left(Align::Center);
    let inside = place.shrink2(vec2(10.0, 0.0));
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inside).layout(layout));
    let ended = matches!(tab.state, terminal::State::Ended(_));
    if ended
        && state.lack.is_none()
        && !state.replay
        && parts::button(&mut ui, "New terminal", true)
    {
        acts.push(PanelAct::NewTerminal);
    }
    let how = state.lack.filter(|_| ended);
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        let ink = if ended { colours.caution } else { colours.weak };
        ui.label(RichText::new(text).color(ink));
        if let Some((_, how)) = how {
            let how = RichText::new(how.replace('\n', " ")).color(colours.weak);
            ui.add(egui::Label::new(how).truncate());
        }
    });
}
