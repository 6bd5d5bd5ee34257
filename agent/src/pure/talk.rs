//! What a user types into the agent's terminal while a session runs: messages, and a few orders.

use sightline_ends::content::CHAT_CAP;
use sightline_ends::text::harmless;
use sightline_protocol::capability::{Capabilities, Capability};

use crate::platform::UserWish;

/// What `/help` says.
pub const HELP: &str =
    "What you type goes to the technician. /take RIGHT takes a right back, /stop ends the session.";

/// What a line means; an error says why it means nothing.
pub fn meaning(line: &str, allowed: Capabilities) -> Result<Option<UserWish>, String> {
    let line = harmless(line, CHAT_CAP);
    let Some(order) = line.strip_prefix('/') else {
        return Ok((!line.is_empty()).then_some(UserWish::Say(line)));
    };
    let mut words = order.split_whitespace();
    match (words.next(), words.next()) {
        (Some("stop"), None) => Ok(Some(UserWish::Stop)),
        (Some("take"), Some(word)) => {
            let rights = Capability::named(word).intersection(allowed);
            match rights.is_empty() {
                false => Ok(Some(UserWish::TakeBack(rights))),
                true => Err(format!("{word} is not allowed now; allowed: {allowed}")),
            }
        }
        (Some("help"), None) => Err(HELP.to_owned()),
        _ => Err(format!("/{order} is no order. {HELP}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_messages_unless_they_are_orders() {
        let allowed = Capabilities::of(&[Capability::View, Capability::Shell]);
        let wish = |line| meaning(line, allowed);
        assert_eq!(wish(" hello "), Ok(Some(UserWish::Say("hello".into()))));
        assert_eq!(wish(""), Ok(None));
        assert_eq!(wish("/stop"), Ok(Some(UserWish::Stop)));
        let taken = UserWish::TakeBack(Capabilities::of(&[Capability::Shell]));
        assert_eq!(wish("/take shell"), Ok(Some(taken)));
        assert!(wish("/take files").is_err());
        assert!(
            wish("/stop now").is_err(),
            "not quite an order stops nothing"
        );
        assert!(wish("/").is_err());
    }
}
