//! The talk between user and technician as windows show it: what was written, and a field to write in. Links are text, and
//! nothing opens them.

use std::collections::VecDeque;

use egui::{
    Align, Button, CornerRadius, Frame, Label, Layout, Margin, RichText, ScrollArea, Sense, Stroke,
    TextEdit, Ui, vec2,
};
use sightline_ends::content::CHAT_CAP;
use sightline_ui::Palette;

use super::super::choice::{LONGEST_NAME, LONGEST_TEXT, clean};
use super::super::{Message, Talk};

/// Messages that are kept on show: an hour of talk.
const KEPT: usize = 200;
/// Height of the field to write in, in points.
const FIELD: f32 = 30.0;
/// Width of the button beside it.
const SEND: f32 = 60.0;
/// Size of letters, and about how wide and high a line of them is, in points.
const LETTERS: f32 = 13.5;
const LETTER: f32 = 7.0;
const LINE: f32 = 17.0;

/// The talk as it stands, and what is being written.
#[derive(Debug)]
pub struct TalkView {
    technician: String,
    lines: VecDeque<Line>,
    /// Lines that are not kept any more.
    gone: u64,
    draft: String,
    /// Enter was pressed, or Send.
    send: bool,
    /// The field takes the keys.
    pub writing: bool,
    /// Where the field is.
    pub place: egui::Rect,
    /// Give it the keys, or take them away.
    turn: Option<bool>,
}

#[derive(Debug)]
enum Line {
    Users(String),
    Technicians(String),
    Hint(String),
}

impl TalkView {
    pub fn new(technician: &str) -> TalkView {
        TalkView {
            technician: clean(technician, LONGEST_NAME),
            lines: VecDeque::new(),
            gone: 0,
            draft: String::new(),
            send: false,
            writing: false,
            place: egui::Rect::NOTHING,
            turn: None,
        }
    }

    pub fn hear(&mut self, news: Talk) {
        let line = match news {
            Talk::Said(Message { own: true, text }) => Line::Users(clean(&text, CHAT_CAP)),
            Talk::Said(Message { own: false, text }) => Line::Technicians(clean(&text, CHAT_CAP)),
            Talk::NotSent(why) => Line::Hint(format!("Not sent: {}", clean(&why, LONGEST_TEXT))),
        };
        if self.lines.len() == KEPT {
            self.lines.pop_front();
            self.gone += 1;
        }
        self.lines.push_back(line);
    }

    /// Enter, while the field has the keys.
    pub fn enter(&mut self) {
        self.send = true;
    }

    /// What is to be sent now: the draft, once it is wished.
    pub fn take_words(&mut self) -> Option<String> {
        let wished = std::mem::take(&mut self.send) && !self.draft.trim().is_empty();
        wished.then(|| std::mem::take(&mut self.draft).trim().to_owned())
    }

    /// Words that were not sent after all, back into the field.
    pub fn put_back(&mut self, words: String) {
        self.draft.insert_str(0, &words);
    }

    /// The window got the keys for the field, or lost them.
    pub fn turn(&mut self, writing: bool) {
        self.turn = Some(writing);
    }

    /// Draws it: `words` points high for what was written.
    pub fn show(&mut self, ui: &mut Ui, colours: &Palette, words: f32, empty: &str) {
        let width = ui.available_width();
        let (place, _) = ui.allocate_exact_size(vec2(width, words), Sense::hover());
        let corner = CornerRadius::same(6);
        ui.painter().rect_filled(place, corner, colours.raised);
        let builder = egui::UiBuilder::new().max_rect(place.shrink2(vec2(10.0, 6.0)));
        let mut inner = ui.new_child(builder);
        inner.set_clip_rect(place.intersect(ui.clip_rect()));
        match self.lines.is_empty() {
            true => {
                inner.label(RichText::new(empty).size(12.0).color(colours.weak));
            }
            false => self.lines(&mut inner, colours),
        }
        ui.add_space(2.0);
        self.field(ui, colours, width);
    }

    fn lines(&self, ui: &mut Ui, colours: &Palette) {
        ui.spacing_mut().item_spacing.y = 3.0;
        let area = ScrollArea::vertical()
            .stick_to_bottom(true)
            .min_scrolled_height(0.0) // else it is higher than the place it has
            .auto_shrink(false);
        let numbers = self.gone..self.gone + self.lines.len() as u64;
        let in_a_line = (ui.available_width() / LETTER).max(1.0);
        let line = |number: u64| &self.lines[(number - self.gone) as usize];
        let guess = |number| {
            let (who, text) = self.parts(line(number));
            let letters = who.chars().count() + text.chars().count();
            (letters as f32 / in_a_line).ceil() * LINE
        };
        sightline_ui::rows(ui, area, numbers, guess, |ui, number| {
            let (who, text) = self.parts(line(number));
            let ink = match line(number) {
                Line::Users(_) => colours.weak,
                Line::Technicians(_) => colours.accent,
                Line::Hint(_) => colours.caution,
            };
            let font = egui::FontId::proportional(LETTERS);
            let mut job = egui::text::LayoutJob::default();
            job.append(who, 0.0, egui::TextFormat::simple(font.clone(), ink));
            let space = if who.is_empty() { 0.0 } else { 6.0 };
            let ink = if who.is_empty() { ink } else { colours.text };
            job.append(text, space, egui::TextFormat::simple(font, ink));
            ui.add(Label::new(job).wrap());
        });
    }

    fn parts<'a>(&'a self, line: &'a Line) -> (&'a str, &'a str) {
        match line {
            Line::Users(text) => ("You", text),
            Line::Technicians(text) => (&self.technician, text),
            Line::Hint(text) => ("", text),
        }
    }

    fn field(&mut self, ui: &mut Ui, colours: &Palette, width: f32) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            let outline = if self.writing {
                colours.accent
            } else {
                colours.weak
            };
            let frame = Frame::new()
                .fill(ui.visuals().extreme_bg_color)
                .stroke(Stroke::new(1.0, outline))
                .corner_radius(CornerRadius::same(4))
                .inner_margin(Margin::symmetric(8, 5));
            let inside = width - SEND - 8.0 - 18.0;
            let shown = frame.show(ui, |ui| {
                let hint = format!("Write to {}; Enter sends", self.technician);
                let field = TextEdit::singleline(&mut self.draft)
                    .id_salt("words")
                    .frame(Frame::NONE)
                    .char_limit(CHAT_CAP)
                    .desired_width(inside)
                    .hint_text(RichText::new(hint).size(LETTERS))
                    .show(ui);
                let response = field.response.response;
                match self.turn.take() {
                    Some(true) => response.request_focus(),
                    Some(false) => response.surrender_focus(),
                    None => {}
                }
                self.writing = response.has_focus();
            });
            self.place = shown.response.rect;
            let ready = !self.draft.trim().is_empty();
            let send = Button::new(RichText::new("Send").size(LETTERS));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let send = send.min_size(vec2(SEND, FIELD - 2.0));
                if ui.add_enabled(ready, send).clicked() {
                    (self.send, self.turn) = (true, Some(true));
                }
            });
        });
    }
}
