//! Why things end: one table of number, sentence, what to do next, and exit code (PROTOCOL.md §9).

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, exit $exit:literal, $sentence:literal, $advice:literal;)*) => {
        /// Why a session, a claim or a connection ended. The number travels; the words are said at each end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum CloseCode { $($(#[$doc])* $name = $number,)* }

        impl CloseCode {
            pub const ALL: &'static [CloseCode] = &[$(CloseCode::$name,)*];

            /// What happened, as a sentence without its full stop.
            pub fn sentence(self) -> &'static str {
                match self { $(CloseCode::$name => $sentence,)* }
            }

            /// What the person can do next; empty if nothing needs doing.
            pub fn advice(self) -> &'static str {
                match self { $(CloseCode::$name => $advice,)* }
            }

            /// The exit code of a program that ends for this reason.
            pub fn exit_code(self) -> u8 {
                match self { $(CloseCode::$name => $exit,)* }
            }
        }
    };
}

codes! {
    Finished = 1, exit 0, "the session ended", "";
    StoppedByUser = 2, exit 0, "the user stopped the session", "";
    TechnicianLeft = 3, exit 0, "the technician left", "";
    GrantExpired = 4, exit 0, "the time the user allowed is over", "ask for a new code to go on";

    Denied = 10, exit 10, "the user did not allow it", "";
    ConsentTimedOut = 11, exit 11, "nobody answered the question on the user's computer", "speak with the user and try again";
    WrongCode = 12, exit 12, "the code was wrong and is spent now", "ask the user for the new code";
    CodeUnknown = 13, exit 13, "no computer waits under this code", "check the digits; a code ends after ten minutes or one use";
    CodeSpent = 14, exit 14, "this code has been used already", "ask the user for a new code";
    CredentialRefused = 15, exit 15, "the credential is not accepted", "ask your administrator for a new one";
    CredentialExpired = 16, exit 16, "the credential has expired", "ask your administrator to renew it";
    ForeignOrganisation = 17, exit 17, "the credential is of another organisation than the computer trusts", "";
    NothingAllowed = 18, exit 18, "your tier allows nothing of what was asked", "ask for less, or ask a colleague of a higher tier";
    Quota = 19, exit 19, "too many tries", "wait a little and try again";

    RelayUnreachable = 30, exit 30, "the relay cannot be reached", "check the network and the relay's address";
    RelayNotTrusted = 31, exit 31, "the relay's key is not the one that your organisation names", "do not go on; tell your administrator";
    RelayStopping = 32, exit 32, "the relay is shutting down", "try again in a minute";
    LinkLost = 33, exit 33, "the network connection was lost", "check the network and start again";
    PeerLost = 34, exit 34, "the other side's connection was lost", "start again with a new code";
    TooSlow = 35, exit 35, "this connection is too slow to keep up", "";

    StorageFull = 40, exit 40, "the relay has no room left for recordings", "tell the relay's operator: free space, then start again";
    StorageFailed = 41, exit 41, "the relay cannot store recordings", "tell the relay's operator";
    NoReceipt = 42, exit 42, "the relay did not confirm the recording", "tell the relay's operator";

    DesktopGone = 50, exit 50, "the desktop went away", "";
    NoDesktop = 51, exit 51, "there is no desktop here", "start it inside a graphical session";
    NoPrompt = 52, exit 52, "there is no way to ask the user", "start the agent in a terminal or in a graphical session";

    ProtocolViolation = 60, exit 60, "the other side broke the protocol", "update both programs; if it happens again, someone may be tampering";
    Unsupported = 61, exit 61, "the other side is of another version", "update both programs";
    NotConfirmed = 62, exit 62, "the other end could not prove that it knows the code", "someone may stand in between: do not go on, tell your administrator";
    WrongEscrow = 63, exit 63, "the agent wrapped other keys for the auditors than it uses", "do not go on, tell your administrator";
    Internal = 64, exit 64, "a fault in the program", "please report it";
    Disputed = 65, exit 65, "the two ends do not agree on what was sent", "do not go on, tell your administrator";
}

impl CloseCode {
    /// The code of this number; an unknown one is a protocol violation of a newer or hostile peer.
    pub fn from_number(number: u16) -> CloseCode {
        CloseCode::ALL
            .iter()
            .copied()
            .find(|code| *code as u16 == number)
            .unwrap_or(CloseCode::ProtocolViolation)
    }

    pub fn number(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())?;
        if !self.advice().is_empty() {
            write!(f, ": {}", self.advice())?;
        }
        Ok(())
    }
}

impl std::error::Error for CloseCode {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_are_distinct_and_lead_back() {
        let numbers: HashSet<u16> = CloseCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers.len(), CloseCode::ALL.len());
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), *code);
            // 1 is a fault that was not foreseen, 2 is wrong usage, above 125 belongs to shells
            assert!(code.exit_code() == 0 || (3..=125).contains(&code.exit_code()));
        }
        assert_eq!(CloseCode::from_number(999), CloseCode::ProtocolViolation);
    }
}
