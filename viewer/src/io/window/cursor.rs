//! The remote pointer's shape on the local pointer: moved by the local window system, so it never lags.

use sightline_ends::content::CursorShape;
use winit::event_loop::ActiveEventLoop;
use winit::platform::x11::ActiveEventLoopExtX11;
use winit::window::{Cursor, CursorIcon, CustomCursor};

use crate::pure::pointer::Drawn;

/// Shown where the remote side hides its pointer: the technician must not lose theirs.
const DOT: u32 = 5;

/// The cursor for a remote shape; `None` = hidden there.
pub(super) fn native(
    event_loop: &ActiveEventLoop,
    shape: Option<&CursorShape>,
    scale_factor: f64,
) -> Cursor {
    // winit hands the bytes on as they are on X11, where a cursor's colours are premultiplied; elsewhere they are straight.
    let bytes: fn(&[u32]) -> Vec<u8> = if event_loop.is_x11() {
        premultiplied
    } else {
        straight
    };
    let source = match shape {
        Some(shape) => {
            // Remote pixels are tiny on a dense screen here.
            let factor = scale_factor.round().max(1.0);
            let drawn = Drawn::new(shape, (factor, factor));
            let (width, height) = drawn.size();
            let hot = (
                f64::from(shape.hot_x.min(shape.width - 1)) * factor,
                f64::from(shape.hot_y.min(shape.height - 1)) * factor,
            );
            custom(
                bytes(drawn.pixels()),
                (width, height),
                (hot.0 as u16, hot.1 as u16),
            )
        }
        None => {
            let centre = (DOT / 2) as u16;
            custom(bytes(&dot()), (DOT, DOT), (centre, centre))
        }
    };
    match source {
        Some(source) => Cursor::Custom(event_loop.create_custom_cursor(source)),
        None => Cursor::Icon(CursorIcon::Default),
    }
}

fn custom(
    rgba: Vec<u8>,
    (width, height): (u32, u32),
    (hot_x, hot_y): (u16, u16),
) -> Option<winit::window::CustomCursorSource> {
    let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    CustomCursor::from_rgba(rgba, width, height, hot_x, hot_y).ok()
}

/// A dark dot in a light ring, seen on any ground.
fn dot() -> Vec<u32> {
    let middle = DOT / 2;
    (0..DOT * DOT)
        .map(|index| {
            let (x, y) = (index % DOT, index / DOT);
            if x == middle && y == middle {
                0xff00_0000
            } else if x.abs_diff(middle) + y.abs_diff(middle) <= middle {
                0xffff_ffff
            } else {
                0
            }
        })
        .collect()
}

/// Premultiplied 0xAARRGGBB as R, G, B, A.
fn premultiplied(pixels: &[u32]) -> Vec<u8> {
    let channels = pixels.iter().map(|pixel| pixel.to_be_bytes());
    channels
        .flat_map(|[alpha, red, green, blue]| [red, green, blue, alpha])
        .collect()
}

/// Premultiplied 0xAARRGGBB as straight R, G, B, A.
fn straight(pixels: &[u32]) -> Vec<u8> {
    pixels
        .iter()
        .flat_map(|pixel| {
            let [alpha, red, green, blue] = pixel.to_be_bytes();
            let divided = |channel: u8| {
                let value = (u32::from(channel) * 255 + u32::from(alpha) / 2)
                    .checked_div(u32::from(alpha))
                    .unwrap_or(0);
                value.min(255) as u8
            };
            [divided(red), divided(green), divided(blue), alpha]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_survive_their_transparency() {
        assert_eq!(straight(&[0x8040_2000]), [128, 64, 0, 128]);
        assert_eq!(straight(&[0, 0xff01_0203]), [0, 0, 0, 0, 1, 2, 3, 255]);
        assert_eq!(premultiplied(&[0x8040_2000]), [64, 32, 0, 128]);
    }
}
