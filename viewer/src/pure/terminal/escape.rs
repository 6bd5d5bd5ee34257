//! What a person types into a remote terminal: all of it goes there, but for a line that begins with `~` and one of the
//! letters below, as in ssh.

/// What the person wants of the program here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// `~.`: end the terminal.
    HangUp,
    /// `~d`: leave it running.
    Detach,
    /// `~?`
    Help,
}

/// What `~?` shows.
pub const HELP: &str = "\r\n~.  end this terminal\r\n~d  leave it running; `sightline shell --attach` comes back\r\n~~  type ~\r\n";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    LineStart,
    Tilde,
    Inside,
}

/// Finds wishes among keys.
#[derive(Debug, Default)]
pub struct Escapes(At);

impl Escapes {
    /// The keys that go to the remote terminal, and the wish that ends them, if there is one.
    pub fn take(&mut self, keys: &[u8]) -> (Vec<u8>, Option<Wish>) {
        let mut remote = Vec::with_capacity(keys.len());
        for key in keys {
            let was = self.0;
            self.0 = match key {
                b'\r' | b'\n' => At::LineStart,
                b'~' if was == At::LineStart => {
                    self.0 = At::Tilde;
                    continue;
                }
                _ => At::Inside,
            };
            if was == At::Tilde {
                let wish = match key {
                    b'.' => Some(Wish::HangUp),
                    b'd' => Some(Wish::Detach),
                    b'?' => Some(Wish::Help),
                    _ => None,
                };
                if wish.is_some() {
                    self.0 = At::LineStart;
                    return (remote, wish);
                }
                remote.push(b'~');
                if *key == b'~' {
                    continue;
                }
            }
            remote.push(*key);
        }
        (remote, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> (String, Option<Wish>) {
        let (remote, wish) = Escapes::default().take(keys.as_bytes());
        (String::from_utf8(remote).unwrap(), wish)
    }

    #[test]
    fn only_at_the_beginning_of_a_line() {
        assert_eq!(typed("~."), (String::new(), Some(Wish::HangUp)));
        assert_eq!(typed("ls\r~d"), ("ls\r".into(), Some(Wish::Detach)));
        assert_eq!(typed("\r~?"), ("\r".into(), Some(Wish::Help)));
        assert_eq!(typed("cd ~.\r"), ("cd ~.\r".into(), None));
        assert_eq!(typed("~~.\r"), ("~.\r".into(), None));
        assert_eq!(typed("~/bin/x\r"), ("~/bin/x\r".into(), None));
    }

    #[test]
    fn a_tilde_may_come_alone() {
        let mut escapes = Escapes::default();
        assert_eq!(escapes.take(b"~"), (vec![], None));
        assert_eq!(escapes.take(b"."), (vec![], Some(Wish::HangUp)));
    }
}
