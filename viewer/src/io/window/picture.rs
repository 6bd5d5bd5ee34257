//! The window's pixels: composed out of layers where they changed, and handed to the display at once.

use std::num::NonZeroU32;
use std::rc::Rc;

use softbuffer::{Context, SoftBufferError, Surface as SoftSurface};
use winit::window::Window;

use crate::pure::area::{Damage, Rect, Surface, rect};
use crate::pure::compose::{Layers, Overlay};
use crate::pure::fit::{Placement, View};
use crate::pure::pointer::Drawn;
use crate::pure::rings::Circle;
use crate::pure::scale::Scaler;
use crate::pure::stage::{Changes, Stage};

/// More separate rectangles than this are sent as the one around them; one request to the X server each.
type Sent = softbuffer::Rect;

/// What is on the window.
pub(super) struct Picture {
    surface: SoftSurface<Rc<Window>, Rc<Window>>,
    size: (u32, u32),
    pub(super) view: View,
    /// The part of the window that the picture may use.
    room: Rect,
    placement: Placement,
    /// Nothing may be seen, not even what was seen before.
    blank: bool,
    scaler: Scaler,
    pointer: Pointer,
    damage: Damage,
    /// The newest update on the canvas that is not on the display yet.
    frame: Option<u64>,
}

/// The remote pointer as part of the picture.
#[derive(Default)]
struct Pointer {
    shown: bool,
    drawn: Option<Drawn>,
    at: Option<(i32, i32)>,
    /// The window pixels that it covers now.
    place: Option<Rect>,
}

impl Picture {
    pub(super) fn new(window: &Rc<Window>, view: View) -> Result<Picture, SoftBufferError> {
        let context = Context::new(window.clone())?;
        let size = window.inner_size();
        let mut picture = Picture {
            surface: SoftSurface::new(&context, window.clone())?,
            size: (0, 0),
            view,
            room: rect(0, 0, 0, 0),
            placement: view.place((0, 0), &[], rect(0, 0, 0, 0)),
            blank: false,
            scaler: Scaler::new((0, 0), (0, 0)),
            pointer: Pointer::default(),
            damage: Damage::whole(),
            frame: None,
        };
        picture.resize((size.width, size.height))?;
        Ok(picture)
    }

    pub(super) fn resize(&mut self, size: (u32, u32)) -> Result<(), SoftBufferError> {
        if let (Some(width), Some(height)) = (NonZeroU32::new(size.0), NonZeroU32::new(size.1)) {
            self.surface.resize(width, height)?;
        }
        self.size = size;
        self.damage.add_all();
        Ok(())
    }

    pub(super) fn size(&self) -> (u32, u32) {
        self.size
    }

    pub(super) fn room(&self) -> Rect {
        self.room
    }

    pub(super) fn placement(&self) -> &Placement {
        &self.placement
    }

    pub(super) fn damage(&mut self, part: Rect) {
        self.damage.add(part);
    }

    pub(super) fn damage_all(&mut self) {
        self.damage.add_all();
    }

    /// Gives the picture this part of the window.
    pub(super) fn set_room(&mut self, room: Rect) {
        if self.room != room {
            self.room = room;
            self.damage.add_all();
        }
    }

    /// Whether the picture is left out.
    pub(super) fn set_blank(&mut self, blank: bool) {
        if std::mem::replace(&mut self.blank, blank) != blank {
            self.damage.add_all();
        }
    }

    /// Whether the remote pointer is drawn onto the picture.
    pub(super) fn show_pointer(&mut self, shown: bool) {
        self.pointer.shown = shown;
    }

    /// Takes over what changed on the stage.
    pub(super) fn absorb(&mut self, stage: &Stage, changes: &Changes) {
        self.place(stage);
        if changes.damage.is_whole() {
            self.damage.add(self.placement.placed);
        }
        for part in changes.damage.parts() {
            if let Some(part) = self.placement.damaged(*part) {
                self.damage.add(part);
            }
        }
        self.frame = changes.frame.or(self.frame);
        if changes.shape {
            self.pointer.drawn = None;
        }
        self.pointer.at = stage.pointer();
        self.move_pointer(stage);
    }

    fn place(&mut self, stage: &Stage) {
        let size = if self.blank { (0, 0) } else { stage.size() };
        let placement = self.view.place(size, &stage.layout().monitors, self.room);
        if placement == self.placement {
            return;
        }
        let from = (placement.shown.width, placement.shown.height);
        let to = (placement.placed.width, placement.placed.height);
        if !self.scaler.is_for(from, to) {
            self.scaler = Scaler::new(from, to);
            self.pointer.drawn = None;
        }
        // A picture that is only panned leaves everything beside it as it was.
        if placement.placed == self.placement.placed {
            self.damage.add(placement.placed);
        } else {
            self.damage.add_all();
        }
        self.placement = placement;
    }

    fn move_pointer(&mut self, stage: &Stage) {
        let shape = stage.shape().filter(|_| self.pointer.shown);
        match shape {
            None => self.pointer.drawn = None,
            Some(shape) if self.pointer.drawn.is_none() => {
                self.pointer.drawn = Some(Drawn::new(shape, self.placement.factor()));
            }
            Some(_) => {}
        }
        let place = self
            .pointer_layer()
            .and_then(|(drawn, at)| drawn.place(&self.placement, at));
        if place != self.pointer.place || self.pointer.drawn.is_none() {
            let before = std::mem::replace(&mut self.pointer.place, place);
            for part in [before, place].into_iter().flatten() {
                self.damage.add(part);
            }
        }
    }

    fn pointer_layer(&self) -> Option<(&Drawn, (i32, i32))> {
        Some((self.pointer.drawn.as_ref()?, self.pointer.at?))
    }

    /// Draws what changed and hands it to the display; returns the newest update that is thereby shown.
    pub(super) fn present(
        &mut self,
        stage: &Stage,
        circles: &[Circle],
        overlays: &[Overlay],
    ) -> Result<Option<u64>, SoftBufferError> {
        let (width, height) = self.size;
        if self.damage.is_none() || width == 0 || height == 0 {
            return Ok(self.frame.take());
        }
        let layers = Layers {
            canvas: stage.canvas(),
            placement: self.placement,
            scaler: &self.scaler,
            pointer: self.pointer.drawn.as_ref().zip(self.pointer.at),
            circles,
            overlays,
        };
        let mut buffer = self.surface.buffer_mut()?;
        if buffer.age() != 1 {
            // Not what was last presented: nothing in it can be kept.
            self.damage.add_all();
        }
        let mut surface = Surface {
            pixels: &mut buffer,
            width,
            height,
        };
        let parts = self.damage.within(surface.all());
        for part in &parts {
            layers.draw(&mut surface, *part);
        }
        let sent: Vec<Sent> = parts.iter().filter_map(|part| sent(*part)).collect();
        buffer.present_with_damage(&sent)?;
        self.damage = Damage::default();
        Ok(self.frame.take())
    }

    /// All of the window as it would be without overlays.
    pub(super) fn bare(&self, stage: &Stage) -> Vec<u32> {
        let (width, height) = self.size;
        let mut pixels = vec![0; width as usize * height as usize];
        let mut surface = Surface {
            pixels: &mut pixels,
            width,
            height,
        };
        let layers = Layers {
            canvas: stage.canvas(),
            placement: self.placement,
            scaler: &self.scaler,
            pointer: self.pointer_layer(),
            circles: &[],
            overlays: &[],
        };
        let all = surface.all();
        layers.draw(&mut surface, all);
        pixels
    }
}

fn sent(part: Rect) -> Option<Sent> {
    Some(Sent {
        x: part.x,
        y: part.y,
        width: NonZeroU32::new(part.width)?,
        height: NonZeroU32::new(part.height)?,
    })
}
