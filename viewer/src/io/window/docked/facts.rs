//! The panel of the user's computer's facts.

use egui::{
    Align, CornerRadius, Frame, Label, Layout, Rect, RichText, ScrollArea, Sense, Ui, vec2,
};
use sightline_ui::Palette;

use super::PanelAct;
use super::parts::{self, State};
use crate::pure::panels::facts::{FactsPanel, Row, Section};

/// Width of the names at the left, in points.
const NAMES: f32 = 104.0;

pub(super) fn show(ui: &mut Ui, state: &State, facts: &FactsPanel, acts: &mut Vec<PanelAct>) {
    let head = |ui: &mut Ui, colours: &Palette, acts: &mut Vec<PanelAct>| {
        if state.replay {
            return parts::shortcut(ui, colours, state.panel);
        }
        let words = if facts.is_asking() {
            "Asking…"
        } else {
            "Ask again"
        };
        if parts::button(ui, words, !facts.is_asking() && state.lack.is_none()) {
            acts.push(PanelAct::AskFacts);
        }
        if parts::button(ui, "Save as JSON", !facts.sections().is_empty()) {
            acts.push(PanelAct::SaveFacts);
        }
    };
    parts::panel(ui, state, acts, head, |ui, colours, _| {
        if facts.sections().is_empty() {
            return match state.lack {
                Some(words) => parts::lack(ui, colours, words),
                None if state.replay => {
                    parts::empty(ui, colours, "The computer was not asked until now.");
                }
                None => parts::empty(ui, colours, "The computer is being asked…"),
            };
        }
        let area = ScrollArea::vertical().auto_shrink(false);
        area.show(ui, |ui| {
            Frame::new().inner_margin(parts::MARGIN).show(ui, |ui| {
                notes(ui, colours, state, facts);
                for part in facts.sections() {
                    section(ui, colours, part);
                }
            });
        });
    });
}

/// When it was so, and what became of the last wish.
fn notes(ui: &mut Ui, colours: &Palette, state: &State, facts: &FactsPanel) {
    let weak = |text: &str| Label::new(RichText::new(text).size(12.0).color(colours.weak)).wrap();
    if let Some(taken) = facts.taken() {
        ui.add(weak(&format!("As it was at {taken}")));
    }
    if let Some((what, _)) = state.lack {
        ui.add(Label::new(RichText::new(what).color(colours.caution)).wrap());
    }
    if let Some(remark) = &facts.remark {
        let (remark, ink) = match remark {
            Ok(remark) => (remark, colours.text),
            Err(remark) => (remark, colours.caution),
        };
        let text = RichText::new(remark).size(12.0).color(ink);
        ui.add(Label::new(text).wrap().selectable(true));
    }
}

fn section(ui: &mut Ui, colours: &Palette, section: &Section) {
    ui.add_space(8.0);
    ui.label(
        RichText::new(section.title)
            .size(13.0)
            .color(colours.accent)
            .strong(),
    );
    for line in &section.rows {
        row(ui, colours, line);
    }
}

fn row(ui: &mut Ui, colours: &Palette, row: &Row) {
    let ink = if row.bad {
        colours.caution
    } else {
        colours.text
    };
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let text = |text: &str, ink| RichText::new(text).size(12.0).color(ink);
        if !row.label.is_empty() {
            let size = vec2(NAMES, 16.0);
            ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Min), |ui| {
                ui.set_min_width(NAMES);
                ui.add(Label::new(text(&row.label, colours.weak)).truncate());
            });
        }
        ui.vertical(|ui| {
            if let Some(share) = row.share {
                gauge(ui, colours, share, row.bad);
            }
            ui.add(Label::new(text(&row.value, ink)).wrap().selectable(true));
        });
    });
}

/// How full something is.
fn gauge(ui: &mut Ui, colours: &Palette, share: f32, bad: bool) {
    let size = vec2(ui.available_width().min(180.0), 6.0);
    let (place, _) = ui.allocate_exact_size(size, Sense::hover());
    let corner = CornerRadius::same(3);
    ui.painter().rect_filled(place, corner, colours.raised);
    let width = place.width() * share.clamp(0.0, 1.0);
    let full = Rect::from_min_size(place.min, vec2(width, place.height()));
    let fill = if bad { colours.caution } else { colours.accent };
    ui.painter().rect_filled(full, corner, fill);
}
