//! A small window that asks for the session code, for those who start the viewer without a terminal.

use std::rc::Rc;

use egui::{
    Align2, CentralPanel, CornerRadius, FontId, Frame, Margin, RichText, Sense, Stroke, Ui, vec2,
};
use sightline_ends::code::SessionCode;
use sightline_ui::palette;
use winit::application::ApplicationHandler;
use winit::dpi::LogicalSize;
use winit::event::{ElementState, Ime, KeyEvent, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::keyboard::{Key, NamedKey};
use winit::window::{Window, WindowId};

use super::WindowError;
use super::event_loop::{self, Wake};
use super::picture::Picture;
use super::strip::Strip;
use crate::pure::area::rect;
use crate::pure::digits::Digits;
use crate::pure::fit::View;
use crate::pure::stage::Stage;

/// Size of the window, in points.
const SIZE: LogicalSize<f64> = LogicalSize::new(430.0, 190.0);

/// Asks for a session code in a window of its own and waits for the answer; `None` = the person would rather not.
/// The code's check digit fits. Call it on the main thread, before or after [`super::run`].
pub fn ask_code() -> Result<Option<String>, WindowError> {
    event_loop::with(|event_loop| {
        let mut prompt = Prompt::default();
        event_loop::run(event_loop, &mut prompt)?;
        prompt.outcome
    })?
}

struct Prompt {
    open: Option<Open>,
    digits: Digits,
    complaint: Option<String>,
    outcome: Result<Option<String>, WindowError>,
}

impl Default for Prompt {
    fn default() -> Prompt {
        Prompt {
            open: None,
            digits: Digits::default(),
            complaint: None,
            outcome: Ok(None),
        }
    }
}

struct Open {
    window: Rc<Window>,
    picture: Picture,
    panel: Strip,
}

/// What a person did.
#[derive(Clone, Copy, PartialEq)]
enum Act {
    Connect,
    Cancel,
}

impl Prompt {
    fn open(&self, event_loop: &ActiveEventLoop) -> Result<Open, WindowError> {
        let attributes = Window::default_attributes()
            .with_title("Sightline: connect")
            .with_inner_size(SIZE)
            .with_resizable(false);
        let window = event_loop.create_window(attributes);
        let window = Rc::new(window.map_err(|error| WindowError::Open(error.to_string()))?);
        Ok(Open {
            picture: Picture::new(&window, View::default())?,
            window,
            panel: Strip::new(),
        })
    }

    fn act(&mut self, event_loop: &ActiveEventLoop, act: Act) {
        if act == Act::Cancel {
            return event_loop.exit();
        }
        let typed = self.digits.shown();
        match SessionCode::parse(&typed) {
            Ok(_) => {
                self.outcome = Ok(Some(typed));
                event_loop.exit();
            }
            Err(error) if self.digits.is_full() => self.complaint = Some(error.to_string()),
            Err(_) => self.complaint = Some("the code is not complete yet".to_owned()),
        }
    }

    fn key(&mut self, event_loop: &ActiveEventLoop, event: &KeyEvent) {
        if event.state == ElementState::Released {
            return;
        }
        match &event.logical_key {
            Key::Named(NamedKey::Enter) => self.act(event_loop, Act::Connect),
            Key::Named(NamedKey::Escape) => self.act(event_loop, Act::Cancel),
            Key::Named(NamedKey::Backspace) => {
                self.digits.erase();
                self.complaint = None;
            }
            _ => self.type_in(event.text.as_deref().unwrap_or_default()),
        }
        self.draw(event_loop);
    }

    fn type_in(&mut self, text: &str) {
        if self.digits.type_in(text) {
            self.complaint = None;
        }
    }

    fn draw(&mut self, event_loop: &ActiveEventLoop) {
        let mut act = None;
        let Some(open) = &mut self.open else {
            return;
        };
        let (digits, complaint) = (&self.digits, self.complaint.as_deref());
        let size = open.picture.size();
        let place = rect(0, 0, size.0, size.1);
        open.panel.set_place(place, open.window.scale_factor());
        if open
            .panel
            .run(|ui| act = act.or(panel(ui, digits, complaint)))
            .is_some()
        {
            open.picture.damage(place);
        }
        let presented = open
            .picture
            .present(&Stage::new(), &[], &[open.panel.overlay()]);
        if let Err(error) = presented {
            self.outcome = Err(error.into());
            return event_loop.exit();
        }
        if let Some(act) = act {
            self.act(event_loop, act);
            // A complaint is to be seen at once; a click is over by now.
            if self.complaint.is_some() {
                self.draw(event_loop);
            }
        }
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

impl ApplicationHandler<Wake> for Prompt {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        event_loop.set_control_flow(ControlFlow::Wait);
        if self.open.is_none() {
            match self.open(event_loop) {
                Ok(open) => self.open = Some(open),
                Err(error) => {
                    self.outcome = Err(error);
                    return event_loop.exit();
                }
            }
        }
        self.draw(event_loop);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(open) = &mut self.open else {
            return;
        };
        match event {
            WindowEvent::KeyboardInput {
                event,
                is_synthetic: false,
                ..
            } => return self.key(event_loop, &event),
            WindowEvent::Ime(Ime::Commit(text)) => self.type_in(&text),
            WindowEvent::CursorMoved { position, .. } => {
                open.panel.pointer_at(Some((position.x, position.y)));
            }
            WindowEvent::CursorLeft { .. } => {
                open.panel.pointer_at(None);
            }
            WindowEvent::MouseInput { button, state, .. } => {
                open.panel.button(button, state);
            }
            WindowEvent::Resized(size) => {
                if let Err(error) = open.picture.resize((size.width, size.height)) {
                    self.outcome = Err(error.into());
                    return event_loop.exit();
                }
            }
            WindowEvent::RedrawRequested => open.picture.damage_all(),
            WindowEvent::CloseRequested => return event_loop.exit(),
            _ => return,
        }
        self.draw(event_loop);
    }

    fn exiting(&mut self, _: &ActiveEventLoop) {
        self.open = None;
    }
}
