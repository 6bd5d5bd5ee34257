//! What the consent window looks like.

use egui::{
    Align, Button, Color32, CornerRadius, Frame, Label, Layout, Margin, RichText, Sense, Stroke,
    Ui, vec2,
};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_ui::{Palette, palette};

use super::super::choice::{LONGEST_NAME, LONGEST_TEXT, clean, tick};
use super::super::{Answer, Question};

/// Width of the window in points.
const WIDTH: f32 = 440.0;
const MARGIN: i8 = 20;
/// At most that many notes are shown, so that the buttons stay on the screen.
const MOST_NOTES: usize = 8;

/// The question on show and the answer as it stands.
#[derive(Debug)]
pub struct Form {
    technician: String,
    organisation: String,
    reason: String,
    ticket: String,
    notes: Vec<String>,
    asked: Capabilities,
    ticked: Capabilities,
    /// Until *deny*.
    pub seconds: u64,
    /// Allow reacts: the window has been in sight long enough.
    pub armed: bool,
    /// Clicks and keys by programs that were refused.
    pub refused: u32,
}

impl Form {
    pub fn new(question: &Question, seconds: u64) -> Form {
        let notes = question.notes.iter().take(MOST_NOTES);
        Form {
            technician: clean(&question.technician, LONGEST_NAME),
            organisation: clean(&question.organisation, LONGEST_NAME),
            reason: clean(&question.reason, LONGEST_TEXT),
            ticket: clean(&question.ticket, LONGEST_NAME),
            notes: notes.map(|note| clean(note, LONGEST_TEXT)).collect(),
            asked: question.asked,
            ticked: question.asked,
            seconds,
            armed: false,
            refused: 0,
        }
    }

    /// Draws it; the answer, if the user gave one now.
    pub fn show(&mut self, ui: &mut Ui) -> Option<Answer> {
        let colours = palette(ui.ctx());
        let frame = Frame::new()
            .fill(colours.ground)
            .stroke(Stroke::new(1.0, colours.line))
            .inner_margin(Margin::same(MARGIN));
        let shown = frame.show(ui, |ui| {
            ui.set_width(WIDTH);
            ui.spacing_mut().item_spacing.y = 6.0;
            self.head(ui, &colours);
            ui.add_space(8.0);
            self.why(ui, &colours);
            self.capabilities(ui, &colours);
            ui.add_space(6.0);
            self.small_print(ui, &colours);
            ui.add_space(8.0);
            let answer = self.buttons(ui, &colours);
            self.warning(ui, &colours);
            answer
        });
        let mut bar = shown.response.rect;
        bar.max.y = bar.min.y + 3.0;
        ui.painter().rect_filled(bar, 0.0, colours.accent);
        shown.inner
    }

    /// Who wants something.
    fn head(&self, ui: &mut Ui, colours: &Palette) {
        ui.horizontal(|ui| {
            ui.label(
                RichText::new("REMOTE SUPPORT REQUEST")
                    .size(11.0)
                    .color(colours.weak),
            );
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let left = format!("denied in {} s", self.seconds);
                let urgent = self.seconds <= 10;
                let colour = if urgent { colours.danger } else { colours.weak };
                ui.label(RichText::new(left).size(12.0).color(colour));
            });
        });
        ui.add_space(4.0);
        ui.label(RichText::new(&self.technician).size(22.0));
        let organisation = RichText::new(&self.organisation).size(15.0);
        ui.label(organisation.color(colours.text));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            check_mark(ui, colours.good);
            let verified = "name and organisation are verified";
            ui.label(RichText::new(verified).size(12.5).color(colours.good));
        });
    }

    /// The technician's own words: set apart from what is verified.
    fn why(&self, ui: &mut Ui, colours: &Palette) {
        if self.reason.is_empty() && self.ticket.is_empty() {
            return;
        }
        let frame = Frame::new()
            .fill(colours.raised)
            .corner_radius(CornerRadius::same(6))
            .inner_margin(Margin::symmetric(12, 8));
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            let label = "In the technician's own words:";
            ui.label(RichText::new(label).size(11.0).color(colours.weak));
            if !self.reason.is_empty() {
                ui.label(RichText::new(format!("“{}”", self.reason)).size(14.0));
            }
            if !self.ticket.is_empty() {
                ui.label(RichText::new(format!("Ticket {}", self.ticket)).size(12.5));
            }
        });
        ui.add_space(6.0);
    }

    fn capabilities(&mut self, ui: &mut Ui, colours: &Palette) {
        ui.label(RichText::new("If you allow it, they can:").size(14.0));
        ui.scope(|ui| {
            let style = ui.spacing_mut();
            style.icon_width = 18.0;
            style.icon_width_inner = 12.0;
            style.icon_spacing = 9.0;
            style.interact_size.y = 24.0;
            let widgets = &mut ui.visuals_mut().widgets;
            widgets.inactive.bg_stroke = Stroke::new(1.0, colours.weak);
            widgets.hovered.bg_stroke = Stroke::new(1.0, colours.weak);
            for capability in self.asked.iter() {
                self.capability(ui, capability);
            }
        });
    }

    fn capability(&mut self, ui: &mut Ui, capability: Capability) {
        let mut on = self.ticked.contains(capability);
        let text = RichText::new(capability.meaning()).size(15.0);
        if ui.checkbox(&mut on, text).changed() {
            self.ticked = tick(self.ticked, self.asked, capability, on);
        }
    }

    fn small_print(&self, ui: &mut Ui, colours: &Palette) {
        for note in &self.notes {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                ui.label(RichText::new("•").size(12.5).color(colours.weak));
                let note = RichText::new(note).size(12.5).color(colours.weak);
                ui.add(Label::new(note).wrap());
            });
        }
    }

    /// Below everything else, so that nothing that can be clicked moves when it appears.
    fn warning(&self, ui: &mut Ui, colours: &Palette) {
        if self.refused == 0 {
            return;
        }
        let times = if self.refused == 1 { "" } else { "s" };
        let text = format!(
            "A program tried to answer for you ({} attempt{times}). That does not count: \
             only your own mouse and keyboard do.",
            self.refused
        );
        ui.add_space(4.0);
        ui.label(RichText::new(text).size(12.5).color(colours.caution));
    }

    fn buttons(&self, ui: &mut Ui, colours: &Palette) -> Option<Answer> {
        let mut answer = None;
        let size = vec2((WIDTH - 12.0) / 2.0, 40.0);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 12.0;
            ui.visuals_mut().widgets.inactive.bg_stroke = Stroke::new(1.0, colours.line);
            let deny = Button::new(RichText::new("Deny").size(16.0)).min_size(size);
            if ui.add(deny).clicked() {
                answer = Some(Answer::Deny);
            }
            let enabled = self.armed && !self.ticked.is_empty();
            let text = RichText::new("Allow").size(16.0).color(colours.on_accent);
            let allow = Button::new(text).min_size(size).fill(colours.accent);
            if ui.add_enabled(enabled, allow).clicked() && enabled {
                answer = Some(Answer::Allow(self.ticked));
            }
        });
        answer
    }
}

/// Drawn: the fonts have none.
fn check_mark(ui: &mut Ui, colour: Color32) {
    let (at, _) = ui.allocate_exact_size(vec2(12.0, 12.0), Sense::hover());
    let corner = at.left_top();
    let points = [(1.5, 6.5), (4.8, 9.8), (10.8, 2.5)];
    let points = points.map(|(x, y)| corner + vec2(x, y));
    ui.painter().line(points.to_vec(), Stroke::new(1.8, colour));
}
