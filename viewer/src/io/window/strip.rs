//! A part of the window that egui draws, into pixels of its own, and only when something on it changes.

use std::time::Instant;

use egui::{Event, Modifiers, OutputCommand, PointerButton, Pos2};
use sightline_ui::{Painter, surface_input};
use winit::event::{ElementState, MouseButton};

use crate::pure::area::{Rect, contains, differing, rect};
use crate::pure::compose::Overlay;

/// egui may ask to be run again at once, to settle a layout; not for ever.
const MAX_PASSES: usize = 4;

/// A panel at a place of the window.
pub(super) struct Strip {
    ctx: egui::Context,
    painter: Painter,
    start: Instant,
    place: Rect,
    scale: f32,
    pixels: Vec<u32>,
    before: Vec<u32>,
    /// What lies under the panel; empty = the panel covers all of it.
    ground: Vec<u32>,
    events: Vec<Event>,
    pointer: Option<Pos2>,
    modifiers: Modifiers,
    /// A button went down here and is still held: the pointer belongs to the panel wherever it goes.
    held: bool,
    /// Text that was copied on the panel.
    copied: Option<String>,
}

impl Strip {
    pub(super) fn new() -> Strip {
        let ctx = egui::Context::default();
        sightline_ui::theme(&ctx);
        super::fonts::provide(&ctx);
        ctx.set_theme(egui::Theme::Dark); // beside someone else's screen, bright panels would glare
        Strip {
            ctx,
            painter: Painter::new(),
            start: Instant::now(),
            place: rect(0, 0, 0, 0),
            scale: 1.0,
            pixels: Vec::new(),
            before: Vec::new(),
            ground: Vec::new(),
            events: Vec::new(),
            pointer: None,
            modifiers: Modifiers::NONE,
            held: false,
            copied: None,
        }
    }

    pub(super) fn place(&self) -> Rect {
        self.place
    }

    pub(super) fn set_place(&mut self, place: Rect, scale_factor: f64) {
        self.place = place;
        self.scale = scale_factor as f32;
    }

    /// Puts pixels, as many as the place has, under the panel.
    pub(super) fn set_ground(&mut self, ground: Vec<u32>) {
        self.ground = ground;
    }

    pub(super) fn has_ground(&self) -> bool {
        self.ground.len() == self.place.width as usize * self.place.height as usize
    }

    /// The pointer is at this place of the window. Says whether it is the panel's.
    pub(super) fn pointer_at(&mut self, at: Option<(f64, f64)>) -> bool {
        let mine = at.filter(|(x, y)| self.held || contains(self.place, *x, *y));
        let Some((x, y)) = mine else {
            if self.pointer.take().is_some() {
                self.events.push(Event::PointerGone);
            }
            return false;
        };
        let position = Pos2::new(
            (x - f64::from(self.place.x)) as f32 / self.scale,
            (y - f64::from(self.place.y)) as f32 / self.scale,
        );
        self.pointer = Some(position);
        self.events.push(Event::PointerMoved(position));
        true
    }

    /// A button went down or up while the pointer is the panel's.
    pub(super) fn button(&mut self, button: MouseButton, state: ElementState) -> bool {
        let (Some(pos), MouseButton::Left) = (self.pointer, button) else {
            return self.pointer.is_some();
        };
        let pressed = state == ElementState::Pressed;
        self.held = pressed;
        self.events.push(Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: self.modifiers,
        });
        true
    }

    pub(super) fn has_pointer(&self) -> bool {
        self.pointer.is_some()
    }

    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Something that the next run hears of.
    pub(super) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(super) fn set_modifiers(&mut self, modifiers: Modifiers) {
        self.modifiers = modifiers;
        self.events.push(Event::ModifiersChanged(modifiers));
    }

    /// What was copied since this was last asked.
    pub(super) fn take_copied(&mut self) -> Option<String> {
        self.copied.take()
    }

    /// Runs the panel; the part of the window in which it looks different now.
    pub(super) fn run(&mut self, mut panel: impl FnMut(&mut egui::Ui)) -> Option<Rect> {
        let size = (self.place.width, self.place.height);
        let count = size.0 as usize * size.1 as usize;
        std::mem::swap(&mut self.pixels, &mut self.before);
        for _ in 0..MAX_PASSES {
            let mut input = surface_input(size, self.scale);
            input.time = Some(self.start.elapsed().as_secs_f64());
            input.events = std::mem::take(&mut self.events);
            self.pixels.clear();
            if self.has_ground() {
                self.pixels.extend_from_slice(&self.ground);
            }
            self.pixels.resize(count, 0);
            let painted = self
                .painter
                .paint(&self.ctx, input, size, &mut self.pixels, |ctx| {
                    ctx.root_ui(&mut panel)
                });
            for command in painted.platform.commands {
                if let OutputCommand::CopyText(text) = command {
                    self.copied = Some(text);
                }
            }
            if painted.repaint_after.is_none_or(|delay| !delay.is_zero()) {
                break;
            }
        }
        let changed = differing(&self.before, &self.pixels, self.place.width)?;
        Some(Rect {
            x: self.place.x + changed.x,
            y: self.place.y + changed.y,
            ..changed
        })
    }

    pub(super) fn overlay(&self) -> Overlay<'_> {
        Overlay {
            place: self.place,
            pixels: &self.pixels,
            opacity: 255,
            shaped: false,
        }
    }
}
