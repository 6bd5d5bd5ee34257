//! A person's hands: mouse and keyboard devices of an Xvnc server, moved through RFB. To the X server they are
//! devices of their own, unlike what comes through its test extension.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

pub struct Person {
    stream: UnixStream,
}

impl Person {
    pub fn connect(socket: &Path) -> Person {
        let mut stream = UnixStream::connect(socket).unwrap();
        let mut bytes = [0; 256];
        stream.read_exact(&mut bytes[..12]).unwrap();
        assert_eq!(&bytes[..4], b"RFB ");
        stream.write_all(b"RFB 003.008\n").unwrap();
        stream.read_exact(&mut bytes[..1]).unwrap();
        let kinds = bytes[0].into();
        stream.read_exact(&mut bytes[..kinds]).unwrap();
        stream.write_all(&[1]).unwrap(); // no security
        stream.read_exact(&mut bytes[..4]).unwrap();
        assert_eq!(&bytes[..4], [0; 4], "let in");
        stream.write_all(&[1]).unwrap(); // shared
        stream.read_exact(&mut bytes[..24]).unwrap();
        let name = u32::from_be_bytes(bytes[20..24].try_into().unwrap()) as usize;
        stream.read_exact(&mut bytes[..name]).unwrap();
        Person { stream }
    }

    fn pointer(&mut self, (x, y): (i32, i32), buttons: u8) {
        let mut message = vec![5, buttons];
        message.extend((x as u16).to_be_bytes());
        message.extend((y as u16).to_be_bytes());
        self.stream.write_all(&message).unwrap();
        std::thread::sleep(Duration::from_millis(30));
    }

    pub fn point(&mut self, at: (i32, i32)) {
        self.pointer(at, 0);
    }

    pub fn click(&mut self, at: (i32, i32)) {
        self.pointer(at, 0);
        self.pointer(at, 1);
        self.pointer(at, 0);
    }

    pub fn drag(&mut self, from: (i32, i32), to: (i32, i32)) {
        self.pointer(from, 0);
        self.pointer(from, 1);
        self.pointer(to, 1);
        self.pointer(to, 0);
    }

    pub fn keys(&mut self, keysyms: &[u32]) {
        for down in [1, 0] {
            for keysym in keysyms {
                let mut message = vec![4, down, 0, 0];
                message.extend(keysym.to_be_bytes());
                self.stream.write_all(&message).unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}
