//! Lies of those who hold keys: an end or the relay that signs what is not so. Each has its word (PROTOCOL.md §6.5); some that
//! look like lies are none.

use sightline_ends::seal::{AGENT_PICTURE, TECHNICIAN_INPUT};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::checkpoint::{Checkpoint, LaneHead, LaneId, Refused};
use sightline_protocol::id::{Author, Digest, Lane, SessionId};
use sightline_protocol::record::{Chain, Class, Header, OVERHEAD};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::CREDENTIAL_LIFE_MS;

use super::retell::{Step, Told, honest};
use super::sample::OTHERS;
use crate::people::{self, START};

/// A recording that somebody signed, and the word for it.
pub struct Lie {
    pub name: &'static str,
    pub word: &'static str,
    pub file: Vec<u8>,
}

// The sample's steps.
const FIRST_OF_TECHNICIAN: usize = 3;
const FIRST_OF_AGENT: usize = 4;
const NARROWED: usize = 6;
const LAST_OF_AGENT: usize = 10;
const LAST_OF_TECHNICIAN: usize = 11;
const CLOSE: usize = 12;
const LAST_RECEIPT: usize = 13;

/// All of them.
pub fn lies() -> Vec<Lie> {
    let mut all = Vec::new();
    let mut tell = |name, word, lie: &dyn Fn(&mut Told)| {
        let mut told = honest();
        lie(&mut told);
        let file = told.file();
        all.push(Lie { name, word, file });
    };
    of_the_manifest(&mut tell);
    of_the_ends(&mut tell);
    of_the_grants(&mut tell);
    of_the_clipboard(&mut tell);
    of_the_relay(&mut tell);
    all
}

type Tell<'a> = &'a mut dyn FnMut(&'static str, &'static str, &dyn Fn(&mut Told));

fn of_the_manifest(tell: Tell) {
    let shell = Capabilities::of(&[Capability::View, Capability::Shell]);
    tell("nothing", "whole", &|_| {});
    tell(
        "a credential that runs out while the user thinks",
        "whole",
        &|it| {
            it.credential.expires_ms = START.unix_ms + 1_000;
            it.manifest.started_ms = START.unix_ms + 2_000;
        },
    );
    tell("a credential that had run out", "manifest", &|it| {
        it.credential.expires_ms = START.unix_ms;
    });
    tell("a credential for 12 hours and a bit", "manifest", &|it| {
        it.credential.expires_ms += 1;
    });
    tell("a credential from four minutes ahead", "whole", &|it| {
        it.credential.issued_ms += 4 * 60_000;
    });
    tell("a credential from six minutes ahead", "manifest", &|it| {
        it.credential.issued_ms += 6 * 60_000;
    });
    tell("a tier that is not there", "manifest", &|it| {
        it.credential.tier = 9
    });
    tell("a credential by the root", "manifest", &|it| {
        it.credential_by = people::root()
    });
    tell("a credential of elsewhere", "manifest", &|it| {
        it.credential.organisation = "Elsewhere".into();
    });
    tell("a credential of another technician", "manifest", &|it| {
        it.credential.technician = people::agent_key().public();
    });
    tell("more asked than the tier has", "manifest", &|it| {
        it.consent.asked = shell
    });
    tell("more granted than asked", "manifest", &|it| {
        it.consent.asked = Capabilities::of(&[Capability::View]);
    });
    tell("a consent for another session", "manifest", &|it| {
        it.consent.session = SessionId([1; 16]);
    });
    tell("a consent for another technician", "manifest", &|it| {
        it.consent.technician = people::root().public();
    });
    tell("another agent's name", "manifest", &|it| {
        it.manifest.agent = people::technician_key().public();
    });
    tell("a second technician", "manifest", &|it| {
        let again = it.manifest.technicians[0].clone();
        it.manifest.technicians.push(again);
    });
    tell("a technician of number 2", "manifest", &|it| {
        it.manifest.technicians[0].author = Author(2);
    });
    tell("a manifest for another session", "foreign", &|it| {
        it.consent.session = SessionId([1; 16]);
        it.manifest.session = SessionId([1; 16]);
    });
    tell("a bundle that names another root", "forged", &|it| {
        it.bundle.root = people::issuer().public();
    });
    tell("a credential whose signature is bent", "forged", &|it| {
        it.credential_bent = true;
    });
    tell(
        "a bundle of another organisation",
        "other-organisation",
        &|it| {
            it.bundle.root = people::issuer().public();
            it.bundle_by = people::issuer();
        },
    );
    let day_after = START.unix_ms + CREDENTIAL_LIFE_MS;
    tell("an older bundle, just in time", "whole", &|it| {
        it.bundle.serial = 0;
        it.manifest.started_ms = day_after;
    });
    tell("an older bundle, too late", "rolled-back", &|it| {
        it.bundle.serial = 0;
        it.manifest.started_ms = day_after + 1;
    });
}

fn of_the_ends(tell: Tell) {
    let flip = |head: &mut LaneHead| head.chain.0[0] ^= 1;
    tell(
        "the technician received another picture",
        "changed",
        &|it| {
            flip(it.head(FIRST_OF_TECHNICIAN, AGENT_PICTURE));
        },
    );
    tell("the technician sealed other input", "changed", &|it| {
        flip(it.head(FIRST_OF_TECHNICIAN, TECHNICIAN_INPUT));
    });
    tell(
        "the agent received other input than was signed",
        "disputed",
        &|it| {
            flip(it.head(FIRST_OF_AGENT, TECHNICIAN_INPUT));
        },
    );
    tell("the technician received more pictures", "missing", &|it| {
        it.head(FIRST_OF_TECHNICIAN, AGENT_PICTURE).records += 1;
    });
    tell("sealed ahead of the relay", "whole", &|it| {
        *it.head(FIRST_OF_TECHNICIAN, TECHNICIAN_INPUT) =
            *it.head(LAST_OF_TECHNICIAN, TECHNICIAN_INPUT);
    });
    tell(
        "sealed ahead of the relay, and sent something else",
        "changed",
        &|it| {
            let last = *it.head(LAST_OF_TECHNICIAN, TECHNICIAN_INPUT);
            *it.head(FIRST_OF_TECHNICIAN, TECHNICIAN_INPUT) = last;
            flip(it.head(FIRST_OF_TECHNICIAN, TECHNICIAN_INPUT));
        },
    );
    tell("sealed what never came", "unclean", &|it| {
        it.head(LAST_OF_TECHNICIAN, TECHNICIAN_INPUT).records += 5;
        let heads = &mut it.checkpoint(LAST_OF_AGENT).heads;
        heads.retain(|head| head.lane != TECHNICIAN_INPUT);
        it.checkpoint(LAST_OF_AGENT).refused.clear();
    });
    tell(
        "signed off with more than came, of which the other end has all",
        "unclean",
        &|it| it.head(LAST_OF_TECHNICIAN, TECHNICIAN_INPUT).records += 5,
    );
    tell(
        "the agent and the relay added input that the technician did not seal",
        "unclean",
        &|it| {
            let heads = &mut it.checkpoint(LAST_OF_TECHNICIAN).heads;
            heads.retain(|head| head.lane != TECHNICIAN_INPUT);
        },
    );
    tell("sealed ahead, and took it back", "disputed", &|it| {
        it.head(FIRST_OF_TECHNICIAN, TECHNICIAN_INPUT).records = 9;
    });
    tell("took back what it received", "disputed", &|it| {
        it.head(LAST_OF_AGENT, TECHNICIAN_INPUT).records = 1;
    });
    tell("left out a checkpoint", "missing", &|it| {
        it.checkpoint(NARROWED).number += 1
    });
    tell("gave two one number", "rearranged", &|it| {
        it.checkpoint(NARROWED).number -= 1
    });
    tell("names another session", "foreign", &|it| {
        it.checkpoint(NARROWED).session = SessionId([1; 16]);
    });
    tell("went on after its last checkpoint", "disputed", &|it| {
        it.checkpoint(NARROWED).close = Some(3);
    });
    let signed = |it: &mut Told, key: &SigningKey, edit: &dyn Fn(&mut Checkpoint)| {
        let manifest = it.sealed().manifest.digest();
        let checkpoint = it.checkpoint(FIRST_OF_AGENT);
        checkpoint.manifest = manifest;
        edit(checkpoint);
        it.steps[FIRST_OF_AGENT] = Step::Signed(Signed::sign(checkpoint, key));
    };
    tell(
        "names another checkpoint before its first",
        "changed",
        &|it| {
            signed(it, &people::agent_key(), &|it| {
                it.previous = Digest([1; 32])
            });
        },
    );
    tell("names another manifest", "foreign", &|it| {
        signed(it, &people::agent_key(), &|it| {
            it.manifest = Digest([1; 32])
        });
    });
    tell("speaks for the other end", "foreign", &|it| {
        signed(it, &people::technician_key(), &|_| {});
    });
    tell("a stranger's checkpoint", "forged", &|it| {
        signed(it, &people::root(), &|_| {});
    });
}

fn of_the_grants(tell: Tell) {
    let refused = |lane, first, count| Refused { lane, first, count };
    tell("acted without a grant", "outside-grant", &|it| {
        it.checkpoint(LAST_OF_AGENT).refused.clear();
    });
    tell("granted more than the user did", "outside-grant", &|it| {
        it.checkpoint(NARROWED).granted = Capabilities::of(&[Capability::Shell]);
    });
    tell("showed pictures without a grant", "outside-grant", &|it| {
        it.consent.granted = Capabilities::of(&[Capability::Control]);
        for step in [FIRST_OF_AGENT, NARROWED, LAST_OF_AGENT] {
            it.checkpoint(step).granted = Capabilities::NONE;
        }
    });
    tell("refused pictures of its own", "disputed", &|it| {
        let own = refused(AGENT_PICTURE, 0, 1);
        it.checkpoint(FIRST_OF_AGENT).refused.push(own);
    });
    tell("refused what did not come", "disputed", &|it| {
        it.checkpoint(LAST_OF_AGENT).refused[0].count = 2;
    });
    tell("refused more than there can be", "disputed", &|it| {
        it.checkpoint(LAST_OF_AGENT).refused[0].count = u64::MAX;
    });
    tell("refused what it had handled", "disputed", &|it| {
        it.checkpoint(LAST_OF_AGENT).refused = vec![refused(TECHNICIAN_INPUT, 1, 2)];
    });
    tell(
        "refused records of a lane that is not there",
        "disputed",
        &|it| {
            let lane = LaneId {
                lane: Lane(9),
                ..TECHNICIAN_INPUT
            };
            it.checkpoint(LAST_OF_AGENT)
                .refused
                .push(refused(lane, 0, 1));
        },
    );
    tell("refused in any order", "whole", &|it| {
        it.checkpoint(FIRST_OF_AGENT).refused = vec![
            refused(TECHNICIAN_INPUT, 1, 1),
            refused(TECHNICIAN_INPUT, 0, 1),
        ];
    });
}

/// The user allowed this of the clipboard, and a record of the technician on that lane was handled.
fn copied(it: &mut Told, right: Capability, class: Class, number: u32) {
    it.bundle.tiers[1].capabilities = it.bundle.tiers[1].capabilities.with(right);
    it.consent.asked = it.consent.asked.with(right);
    it.consent.granted = it.consent.granted.with(right);
    for step in [FIRST_OF_AGENT, NARROWED, LAST_OF_AGENT] {
        let checkpoint = it.checkpoint(step);
        checkpoint.granted = checkpoint.granted.with(right);
    }
    let lane = LaneId {
        lane: Lane(number),
        class,
        ..TECHNICIAN_INPUT
    };
    let header = Header {
        session: it.manifest.session,
        class,
        author: lane.author,
        flags: 0,
        epoch: 0,
        lane: lane.lane,
        seq: 0,
        time_us: 0,
        length: OVERHEAD as u32,
    };
    let (header, body) = (header.encode(), [7; OVERHEAD]);
    let mut chain = Chain::default();
    chain.extend(&header, &body);
    for step in [LAST_OF_AGENT, LAST_OF_TECHNICIAN] {
        let heads = &mut it.checkpoint(step).heads;
        heads.push(LaneHead::new(lane, chain));
    }
    let record = [&header[..], &body].concat();
    it.steps.insert(LAST_OF_AGENT, Step::Record(record));
}

fn of_the_clipboard(tell: Tell) {
    use Capability::{ReadClipboard, SetClipboard};
    use Class::{Clipboard, ClipboardContent};
    tell("read the clipboard", "whole", &|it| {
        copied(it, ReadClipboard, Clipboard, 3);
    });
    tell("set the clipboard", "whole", &|it| {
        copied(it, SetClipboard, Clipboard, 6);
    });
    tell("set the clipboard's content", "whole", &|it| {
        copied(it, SetClipboard, ClipboardContent, 8);
    });
    tell("read it, and may only set it", "outside-grant", &|it| {
        copied(it, SetClipboard, Clipboard, 3);
    });
    tell("set it, and may only read it", "outside-grant", &|it| {
        copied(it, ReadClipboard, Clipboard, 6);
    });
    tell(
        "gave it content, and may only read it",
        "outside-grant",
        &|it| {
            copied(it, ReadClipboard, ClipboardContent, 8);
        },
    );
}

fn of_the_relay(tell: Tell) {
    tell("a close code of tomorrow", "whole", &|it| {
        it.steps[CLOSE] = Step::Close(999)
    });
    tell("no receipt for the end", "unclean", &|it| {
        drop(it.steps.remove(LAST_RECEIPT))
    });
    tell("two receipts for the end", "whole", &|it| {
        it.steps.insert(LAST_RECEIPT, Step::Receipt);
    });
    tell("no close", "unclean", &|it| drop(it.steps.remove(CLOSE)));
    tell("a ledger that became smaller", "two-ledgers", &|it| {
        it.steps.insert(CLOSE, Step::Fork(OTHERS - 2));
    });
    tell("another ledger of the same size", "two-ledgers", &|it| {
        it.steps.insert(CLOSE, Step::Fork(OTHERS - 1));
    });
    tell("a proof of an older ledger", "two-ledgers", &|it| {
        it.steps.insert(LAST_RECEIPT + 1, Step::Fork(1));
    });
}
