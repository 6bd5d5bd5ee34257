//! Input devices: which are hands of a person, and which is the server's test device (XTEST) that programs type through.

use x11rb::protocol::xinput::{self, ConnectionExt as _, DeviceId, DeviceType};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _};
use x11rb::rust_connection::RustConnection;

use super::super::DesktopError;

/// The server puts this property on each device of its test extension, and a client cannot take it away.
const PROPERTY: &[u8] = b"XTEST Device";

/// The device number and kind of an input device, and whether it is one of the server's test devices.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    pub id: DeviceId,
    pub kind: DeviceType,
    pub test: bool,
}

impl Device {
    /// Real hands use it: a device of its own, neither virtual nor for tests.
    pub fn is_personal(self) -> bool {
        let own = matches!(
            self.kind,
            DeviceType::SLAVE_POINTER | DeviceType::SLAVE_KEYBOARD | DeviceType::FLOATING_SLAVE
        );
        own && !self.test
    }
}

/// Says hello to XInput 2.2; an error where the server is older.
pub fn require_xinput2(conn: &RustConnection) -> Result<(), DesktopError> {
    let version = conn.xinput_xi_query_version(2, 2)?.reply()?;
    if version.major_version < 2 {
        return Err(DesktopError::Unsupported(
            "the X server has no XInput 2".into(),
        ));
    }
    Ok(())
}

/// Every input device. Test devices are known by their property, and by name where a server has no such property.
pub fn list(conn: &RustConnection) -> Result<Vec<Device>, DesktopError> {
    let property = conn.intern_atom(false, PROPERTY)?.reply()?.atom;
    let any = AtomEnum::ANY.into();
    let all = conn.xinput_xi_query_device(xinput::Device::ALL)?.reply()?;
    let mut devices = Vec::new();
    for info in all.infos {
        let named = String::from_utf8_lossy(&info.name).contains("XTEST");
        let value = conn.xinput_xi_get_property(info.deviceid, false, property, any, 0, 1)?;
        // A device may vanish between the two questions.
        let marked = value.reply().is_ok_and(|reply| reply.num_items > 0);
        devices.push(Device {
            id: info.deviceid,
            kind: info.type_,
            test: named || marked,
        });
    }
    Ok(devices)
}
