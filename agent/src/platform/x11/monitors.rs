//! Size and monitors of the screen (RandR), and how its pixels lie in memory.

use sightline_ends::content::{Area, Layout, Monitor};
use x11rb::connection::Connection;
use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo, NotifyMask};
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, EventMask, ImageOrder, VisualClass,
};
use x11rb::rust_connection::RustConnection;

use super::super::DesktopError;

/// Asks for a word at every change of size or monitors. `also`: what else the root shall tell this connection, for the
/// last who asks counts.
pub fn watch(conn: &RustConnection, root: u32, also: EventMask) -> Result<(), DesktopError> {
    // The root's own size change; comes from every server.
    let attributes =
        ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY | also);
    conn.change_window_attributes(root, &attributes)?.check()?;
    if has_monitors(conn)? {
        let mask = NotifyMask::SCREEN_CHANGE | NotifyMask::CRTC_CHANGE | NotifyMask::OUTPUT_CHANGE;
        conn.randr_select_input(root, mask)?.check()?;
    }
    Ok(())
}

/// RandR 1.5 knows monitors; before that the screen counts as one.
fn has_monitors(conn: &RustConnection) -> Result<bool, DesktopError> {
    let Ok(cookie) = conn.randr_query_version(1, 5) else {
        return Ok(false);
    };
    let version = cookie.reply()?;
    Ok((version.major_version, version.minor_version) >= (1, 5))
}

/// The layout at this moment.
pub fn layout(conn: &RustConnection, root: u32) -> Result<Layout, DesktopError> {
    let size = conn.get_geometry(root)?.reply()?;
    let (width, height) = (u32::from(size.width), u32::from(size.height));
    let mut monitors = Vec::new();
    if has_monitors(conn)? {
        let reply = conn.randr_get_monitors(root, true)?.reply()?;
        for info in &reply.monitors {
            if let Some(area) = visible(info, width, height) {
                let name = conn.get_atom_name(info.name)?.reply()?.name;
                monitors.push(Monitor {
                    name: String::from_utf8_lossy(&name).into_owned(),
                    area,
                    primary: info.primary,
                });
            }
        }
    }
    if monitors.is_empty() {
        monitors.push(Monitor {
            name: "screen".into(),
            area: Area {
                x: 0,
                y: 0,
                width,
                height,
            },
            primary: true,
        });
    }
    if !monitors.iter().any(|m| m.primary) {
        monitors[0].primary = true;
    }
    Ok(Layout {
        width,
        height,
        monitors,
    })
}

/// The part of the monitor that lies on the screen.
fn visible(info: &MonitorInfo, width: u32, height: u32) -> Option<Area> {
    let cut = |start: i16, length: u16, limit: u32| {
        let end = (i32::from(start) + i32::from(length)).clamp(0, limit as i32) as u32;
        let start = i32::from(start).clamp(0, limit as i32) as u32;
        (start, end - start)
    };
    let (x, width) = cut(info.x, info.width, width);
    let (y, height) = cut(info.y, info.height, height);
    (width > 0 && height > 0).then_some(Area {
        x,
        y,
        width,
        height,
    })
}

/// The area of the primary monitor.
pub fn primary(layout: &Layout) -> Area {
    let monitor = layout.monitors.iter().find(|m| m.primary);
    monitor.map(|m| m.area).unwrap_or(Area {
        x: 0,
        y: 0,
        width: layout.width,
        height: layout.height,
    })
}

/// Refuses a screen whose pixels are not 0x00RRGGBB in this computer's byte order.
pub fn check_pixels(conn: &RustConnection, screen: usize) -> Result<(), DesktopError> {
    let setup = conn.setup();
    let screen = &setup.roots[screen];
    let depth = screen.root_depth;
    let unsupported = |what: String| Err(DesktopError::Unsupported(what));
    let native = if cfg!(target_endian = "little") {
        ImageOrder::LSB_FIRST
    } else {
        ImageOrder::MSB_FIRST
    };
    if setup.image_byte_order != native {
        return unsupported("the X server's byte order differs from this computer's".into());
    }
    let format = setup.pixmap_formats.iter().find(|f| f.depth == depth);
    if !matches!(depth, 24 | 32) || format.is_none_or(|f| f.bits_per_pixel != 32) {
        return unsupported(format!(
            "the screen has {depth} bits per pixel; 24 are needed"
        ));
    }
    let visual = screen
        .allowed_depths
        .iter()
        .flat_map(|d| &d.visuals)
        .find(|v| v.visual_id == screen.root_visual);
    match visual {
        Some(v)
            if v.class == VisualClass::TRUE_COLOR
                && (v.red_mask, v.green_mask, v.blue_mask) == (0xff_0000, 0xff00, 0xff) =>
        {
            Ok(())
        }
        _ => unsupported("the screen's pixels are not red, green, blue of 8 bits each".into()),
    }
}
