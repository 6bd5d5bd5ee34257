//! A session code while it is being typed: digits, shown in the groups in which it is read out.

/// Digits in each group: nameplate, three groups of the secret, check digit.
const GROUPS: [usize; 5] = [5, 3, 3, 3, 1];

/// Digits of a whole code.
pub const DIGITS: usize = 15;

/// What was typed so far.
#[derive(Default)]
pub struct Digits(String);

impl Digits {
    /// Takes the digits out of typed or pasted text, until the code is full. Says whether there were any.
    pub fn type_in(&mut self, text: &str) -> bool {
        let room = DIGITS - self.0.len();
        let before = self.0.len();
        self.0
            .extend(text.chars().filter(char::is_ascii_digit).take(room));
        self.0.len() > before
    }

    pub fn erase(&mut self) {
        self.0.pop();
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.0.len() == DIGITS
    }

    /// The code in groups, `·` for every digit that is missing.
    pub fn shown(&self) -> String {
        let mut rest = self.0.chars();
        let groups = GROUPS.map(|count| {
            let group = (0..count).map(|_| rest.next().unwrap_or('·'));
            group.collect::<String>()
        });
        groups.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_fall_into_their_groups() {
        let mut digits = Digits::default();
        assert!(!digits.type_in("x- "));
        assert!(digits.type_in("48213-5"));
        assert_eq!(digits.shown(), "48213-5··-···-···-·");
        digits.erase();
        assert!(digits.type_in("507 219 884 3 99"));
        assert!(digits.is_full());
        assert_eq!(digits.shown(), "48213-507-219-884-3");
    }
}
