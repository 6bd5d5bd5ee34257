//! A small window that asks for the session code, for those who start the viewer without a terminal.

use egui::{
    Align2, CentralPanel, CornerRadius, FontId, Frame, Margin, RichText, Sense, Stroke, Ui, vec2,
};
use sightline_ends::code::SessionCode;
use sightline_ui::palette;
use winit::dpi::LogicalSize;
use winit::event::{ElementState, KeyEvent};
use winit::keyboard::{Key, NamedKey};
use winit::window::{Window, WindowAttributes};

use super::dialog::{self, Content, Next};
use super::strip::Strip;
use super::{WindowError, event_loop};
use crate::pure::digits::Digits;
use crate::pure::terminal::keys::Held;

/// Size of the window, in points.
const SIZE: LogicalSize<f64> = LogicalSize::new(430.0, 190.0);

/// Asks for a session code in a window of its own and waits for the answer; `None` = the person would rather not.
/// The code's check digit fits. Call it on the main thread, before or after [`super::run`].
pub fn ask_code() -> Result<Option<String>, WindowError> {
    event_loop::with(|event_loop| Ok(dialog::show(event_loop, Prompt::default())?.answer))?
}

#[derive(Default)]
struct Prompt {
    digits: Digits,
    complaint: Option<String>,
    answer: Option<String>,
}

/// What a person did.
#[derive(Clone, Copy, PartialEq)]
enum Act {
    Connect,
    Cancel,
}

impl Prompt {
    fn type_in(&mut self, text: &str) {
        if self.digits.type_in(text) {
            self.complaint = None;
        }
    }
}

impl Content for Prompt {
    type Act = Act;
    const COMPOSES: bool = false;

    fn attributes(&self) -> WindowAttributes {
        Window::default_attributes()
            .with_title("Sightline: connect")
            .with_inner_size(SIZE)
            .with_resizable(false)
    }

    fn panel(&mut self, ui: &mut Ui) -> Option<Act> {
        panel(ui, &self.digits, self.complaint.as_deref())
    }

    fn act(&mut self, act: Act) -> Next {
        if act == Act::Cancel {
            return Next::Leave;
        }
        let typed = self.digits.shown();
        let complaint = match SessionCode::parse(&typed) {
            Ok(_) => {
                self.answer = Some(typed);
                return Next::Leave;
            }
            Err(error) if self.digits.is_full() => error.to_string(),
            Err(_) => "the code is not complete yet".to_owned(),
        };
        self.complaint = Some(complaint);
        Next::DrawAgain
    }

    fn key(&mut self, event: &KeyEvent, _: Held, _: &mut Strip) -> Next {
        if event.state == ElementState::Released {
            return Next::Stay;
        }
        match &event.logical_key {
            Key::Named(NamedKey::Enter) => return self.act(Act::Connect),
            Key::Named(NamedKey::Escape) => return self.act(Act::Cancel),
            Key::Named(NamedKey::Backspace) => {
                self.digits.erase();
                self.complaint = None;
            }
            _ => self.type_in(event.text.as_deref().unwrap_or_default()),
        }
        Next::Stay
    }

    fn compose(&mut self, text: String, _: &mut Strip) {
        self.type_in(&text);
    }
}

fn panel(ui: &mut Ui, digits: &Digits, complaint: Option<&str>) -> Option<Act> {
    let colours = palette(ui.ctx());
    let mut act = None;
    let frame = Frame::new()
        .fill(colours.ground)
        .inner_margin(Margin::symmetric(22, 16));
    CentralPanel::default().frame(frame).show(ui, |ui| {
        ui.label(RichText::new("Session code").size(16.0).color(colours.text));
        ui.label(RichText::new("The user reads it out to you.").color(colours.weak));
        ui.add_space(8.0);
        field(ui, digits);
        let line = complaint.unwrap_or_default();
        ui.label(RichText::new(line).size(12.0).color(colours.caution));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Max), |ui| {
            let connect = RichText::new("Connect").color(colours.on_accent);
            let connect = egui::Button::new(connect)
                .fill(colours.accent)
                .stroke(Stroke::NONE);
            if ui
                .add_enabled(digits.is_full(), connect.min_size(vec2(90.0, 26.0)))
                .clicked()
            {
                act = Some(Act::Connect);
            }
            let cancel = egui::Button::new("Cancel").stroke(Stroke::NONE);
            if ui.add(cancel.min_size(vec2(80.0, 26.0))).clicked() {
                act = Some(Act::Cancel);
            }
        });
    });
    act
}

/// The digits in their groups, with a mark where the next one goes.
fn field(ui: &mut Ui, digits: &Digits) {
    let colours = palette(ui.ctx());
    let (place, _) = ui.allocate_exact_size(vec2(ui.available_width(), 38.0), Sense::hover());
    let painter = ui.painter();
    let fill = ui.visuals().extreme_bg_color;
    painter.rect(
        place,
        CornerRadius::same(4),
        fill,
        Stroke::new(1.0, colours.accent),
        egui::StrokeKind::Inside,
    );
    let font = FontId::monospace(23.0);
    let step = painter
        .layout_no_wrap("0".to_owned(), font.clone(), colours.text)
        .size()
        .x;
    let mut pen = egui::pos2(place.left() + 14.0 + step / 2.0, place.center().y);
    let mut waiting = true;
    for character in digits.shown().chars() {
        if character == '·' {
            painter.circle_filled(pen, 2.0, colours.line);
            if std::mem::take(&mut waiting) {
                let left = pen - vec2(step / 2.0, 0.0);
                let bar = egui::Rect::from_center_size(left, vec2(2.0, 24.0));
                painter.rect_filled(bar, CornerRadius::ZERO, colours.accent);
            }
        } else {
            let ink = if character == '-' {
                colours.weak
            } else {
                colours.text
            };
            painter.text(pen, Align2::CENTER_CENTER, character, font.clone(), ink);
        }
        pen.x += step;
    }
}
