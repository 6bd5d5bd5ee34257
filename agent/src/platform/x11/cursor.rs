//! The pointer: its shape (XFixes) and where it is.

use sightline_ends::content::CursorShape;
use x11rb::protocol::xfixes::{ConnectionExt as _, CursorNotifyMask};
use x11rb::protocol::xinput::{self, ConnectionExt as _};
use x11rb::rust_connection::RustConnection;

use super::super::DesktopError;

/// Asks for a word when the shape changes. False where the server has no XFixes: the shape stays unknown.
pub fn watch_shape(conn: &RustConnection, root: u32) -> Result<bool, DesktopError> {
    let Ok(cookie) = conn.xfixes_query_version(5, 0) else {
        return Ok(false);
    };
    if cookie.reply()?.major_version < 1 {
        return Ok(false);
    }
    conn.xfixes_select_cursor_input(root, CursorNotifyMask::DISPLAY_CURSOR)?;
    Ok(true)
}

/// The shape as it is shown now.
pub fn shape(conn: &RustConnection) -> Result<CursorShape, DesktopError> {
    let image = conn.xfixes_get_cursor_image()?.reply()?;
    Ok(CursorShape {
        width: image.width,
        height: image.height,
        hot_x: image.xhot,
        hot_y: image.yhot,
        pixels: image.cursor_image,
    })
}

/// Asks for a word when a pointer device moves. Raw events come from any device and whoever has the pointer grabbed
/// (from XInput 2.1 on). False where the server is too old: the position is then only looked up with each picture.
pub fn watch_motion(conn: &RustConnection, root: u32) -> Result<bool, DesktopError> {
    let Ok(cookie) = conn.xinput_xi_query_version(2, 2) else {
        return Ok(false);
    };
    if cookie.reply()?.major_version < 2 {
        return Ok(false);
    }
    let mask = xinput::EventMask {
        deviceid: xinput::Device::ALL_MASTER.into(),
        mask: vec![xinput::XIEventMask::RAW_MOTION],
    };
    conn.xinput_xi_select_events(root, &[mask])?;
    Ok(true)
}
