#!/usr/bin/env python3
"""Verifies Sightline recordings, written from PROTOCOL.md alone: a second implementation of its §6.5.

    python3 tests/verify.py BUNDLE FILE...      one line for each file; the exit code is that of the first that is not whole
    python3 tests/verify.py --batch BUNDLE      cases from standard input, each u32 length ‖ bytes; one word for each

BUNDLE is the organisation's signed bundle; its root is all that is trusted. Needs python3-cryptography. Reads each
recording once, entry by entry. Folders and ledger tiles are left to `sightline verify`.
"""

import base64
import functools
import hashlib
import io
import struct
import sys
import zlib
from types import SimpleNamespace as Fields

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit("verify.py needs the Python package `cryptography`: apt-get install python3-cryptography")

EXIT = {
    "whole": 0, "unclean": 20, "damaged": 21, "changed": 22, "missing": 23, "rearranged": 24, "foreign": 25, "forged": 26,
    "manifest": 27, "outside-grant": 28, "disputed": 29, "not-in-ledger": 70, "session-missing": 71, "two-ledgers": 72,
    "other-organisation": 73, "rolled-back": 74, "not-a-recording": 75,
}
MANIFEST, RECORD, RECEIPT, CLOSE, CHECKPOINT, LEDGER = range(1, 7)
AGENT, TECHNICIAN = 0, 1
PICTURE, INPUT, SHELL, FILE, CLIPBOARD, CHAT, CONTROL, CLIPBOARD_CONTENT = range(8)
LONGEST_ENTRY = 1 << 20
LONGEST_BODY = {PICTURE: 524_288, INPUT: 16_384, SHELL: 131_072, FILE: 131_072, CLIPBOARD: 16_384, CHAT: 16_384, CONTROL: 16_384,
                CLIPBOARD_CONTENT: 131_072}
SHORTEST_BODY = 48
NEEDS = {PICTURE: 1 << 0, INPUT: 1 << 1, SHELL: 1 << 3, FILE: 1 << 4}
READ_CLIPBOARD, SET_CLIPBOARD = 1 << 2, 1 << 6
SETS_CLIPBOARD = (6, 8)  # the lanes; others of these classes read it
HALF_DAY_MS = 12 * 3_600_000
SKEW_MS = 5 * 60_000
LARGEST_LEDGER = 1 << 40
RECENT = 65_536  # heads of a lane that a verifier remembers
ZEROS = bytes(32)


class Fault(Exception):
    """The first thing that is wrong; `word` is of the table in §6.5."""

    def __init__(self, word, what):
        super().__init__(what)
        self.word = word


class Unreadable(Exception):
    """Bytes that are no encoding of what they should be."""


def need(holds, word, what):
    if not holds:
        raise Fault(word, what)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# ---- §2.2, bodies

class Body:
    """Takes values off the front of some bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        end = self.at + count
        if end > len(self.data):
            raise Unreadable("it ends too early")
        piece, self.at = self.data[self.at:end], end
        return piece

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    u8 = functools.partialmethod(number, 1)
    u16 = functools.partialmethod(number, 2)
    u32 = functools.partialmethod(number, 4)
    u64 = functools.partialmethod(number, 8)
    id16 = functools.partialmethod(take, 16)
    key = functools.partialmethod(take, 32)

    def blob(self):
        return self.take(self.u64())

    def text(self):
        try:
            return self.blob().decode("utf-8")
        except UnicodeDecodeError:
            raise Unreadable("text that is not UTF-8") from None

    def klass(self):
        number = self.u32()
        if number > CLIPBOARD_CONTENT:
            raise Unreadable(f"no class {number}")
        return number

    def list(self, element):
        count = self.u64()
        if count > len(self.data) - self.at:
            raise Unreadable("a list longer than its bytes")
        return [element(self) for _ in range(count)]

    def optional(self, value):
        present = self.u8()
        if present > 1:
            raise Unreadable("neither absent nor present")
        return value(self) if present else None

    def fields(self, **types):
        return Fields(**{name: read(self) for name, read in types.items()})


u8, u16, u32, u64, id16, key, text, blob = Body.u8, Body.u16, Body.u32, Body.u64, Body.id16, Body.key, Body.text, Body.blob


def decode(data, read):
    """A value that uses its bytes up exactly."""
    body = Body(data)
    value = read(body)
    if body.at != len(data):
        raise Unreadable("bytes behind its end")
    return value


# ---- §3, signed statements

@functools.lru_cache(maxsize=4096)
def signed_by(key, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


class Signed:
    def __init__(self, body):
        self.body, self.key, self.signature = body.blob(), body.key(), body.take(64)

    def digest(self, kind):
        return sha256(kind.context, b"\0", self.body, self.key, self.signature)

    def open(self, kind, key, who):
        """The statement, if it is signed by that key."""
        need(self.key == key, "forged", f"{kind.name} is not signed by {who}")
        need(signed_by(key, self.signature, kind.context + b"\0" + self.body), "forged", f"the signature of {kind.name} does not hold")
        try:
            return decode(self.body, kind.read)
        except Unreadable as error:
            raise Fault("forged", f"{kind.name} is signed, but cannot be read: {error}") from None


# ---- §4, the statements

def statement(name, context, /, **types):
    return Fields(name=name, context=context.encode(), read=lambda body: body.fields(**types))


def lane_id(body):
    return body.u8(), body.u32(), body.klass()


TREE_HEAD = dict(size=u64, root=key)
ORG_BUNDLE = statement(
    "the bundle", "sightline org bundle v1", serial=u64, organisation=text, root=key, issuer=key, address=text, certificate=key,
    receipt_key=key, auditors=lambda b: b.list(lambda b: (b.text(), b.key(), b.list(Body.klass))),
    tiers=lambda b: b.list(lambda b: (b.u8(), b.text(), b.u16())), issued_ms=u64)
CREDENTIAL = statement(
    "the credential", "sightline credential v1", technician=key, name=text, organisation=text, tier=u8, issued_ms=u64, expires_ms=u64)
RECEIPT_STATEMENT = statement(
    "a receipt", "sightline receipt v1", session=id16, manifest=key, records=u64, bytes=u64, order=key, at_ms=u64,
    ledger=lambda b: b.fields(**TREE_HEAD))
CONSENT = statement(
    "the consent", "sightline consent v1", session=id16, agent=key, technician=key, credential=key, asked=u16, granted=u16,
    reason=text, ticket=text, text=text, asked_ms=u64, answered_ms=u64, until_ms=u64)
CONSENT_SEEN = statement("the technician's word for the consent", "sightline consent seen v1", consent=key)
MANIFEST_SEEN = statement("the technician's word for the manifest", "sightline manifest seen v1", manifest=key)
MANIFEST_STATEMENT = statement(
    "the manifest", "sightline manifest v1", session=id16, number=u64, previous=lambda b: b.optional(key), bundle=Signed, agent=key,
    technicians=lambda b: b.list(lambda b: b.fields(author=u8, key=key, credential=Signed)), consent=Signed, consent_seen=Signed,
    started_ms=u64, epoch=u32, commitments=lambda b: b.list(lambda b: (b.klass(), b.key())),
    wraps=lambda b: b.list(lambda b: (b.key(), b.klass(), b.take(32), b.blob())))
CHECKPOINT_STATEMENT = statement(
    "a checkpoint", "sightline checkpoint v1", session=id16, manifest=key, author=u8, number=u64, previous=key, time_us=u64,
    granted=u16, heads=lambda b: b.list(lambda b: (lane_id(b), b.u64(), b.key())),
    refused=lambda b: b.list(lambda b: (lane_id(b), b.u64(), b.u64())), close=lambda b: b.optional(u16))
SESSION_ENTRY = dict(
    variant=u32, session=id16, agent=key, number=u64, technician=key, manifest=key, agent_checkpoint=lambda b: b.optional(key),
    technician_checkpoint=lambda b: b.optional(key), records=u64, bytes=u64, order=key, started_ms=u64, closed_ms=u64, close=u16)


# ---- §6.1, §6.2: head and entries

READ = {
    MANIFEST: lambda b: (Signed(b), Signed(b)), RECEIPT: Signed, CLOSE: u16, CHECKPOINT: Signed,
    LEDGER: lambda b: b.fields(entry=blob, index=u64, proof=lambda b: b.list(key), checkpoint=text),
}


def entries(stream):
    """Yields (kind, head, body, what the body says); nothing but kind None for a last entry that is not whole."""
    while head := stream.read(12):
        if len(head) < 12:
            return (yield None, head, b"", None)
        kind, padding, length, crc = struct.unpack("<B3sII", head)
        need(MANIFEST <= kind <= LEDGER and length <= LONGEST_ENTRY, "damaged", "no entry begins here")
        body = stream.read(length)
        if len(body) < length:
            return (yield None, head, body, None)
        fits = padding == b"\0\0\0" and zlib.crc32(body, zlib.crc32(head[:1] + head[4:8])) == crc
        need(fits, "damaged", "an entry does not match its checksum")
        try:
            yield kind, head, body, body if kind == RECORD else decode(body, READ[kind])
        except Unreadable as error:
            raise Fault("damaged", f"an entry of kind {kind} cannot be read: {error}") from None


# ---- §6.4, the ledger

def tree_root(leaf, index, size, proof):
    """The root that an inclusion proof leads to (RFC 6962 §2.1.1), None if it is of the wrong length."""
    node, last, proof = sha256(b"\0", leaf), size - 1, list(proof)
    while last:
        if index % 2 or index != last:
            if not proof:
                return None
            other = proof.pop(0)
            node = sha256(b"\1", other, node) if index % 2 else sha256(b"\1", node, other)
        index, last = index // 2, last // 2
    return None if proof else node


def unbase64(text):
    """Base64 has one spelling for each value."""
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode() != text:
        raise ValueError("not canonical")
    return value


def open_note(note, key):
    """The tree head of a signed checkpoint of the ledger; ValueError or IndexError if it is not one."""
    name = "sightline-ledger/" + key.hex()
    key_id = sha256(name.encode(), b"\n\1", key)[:4]
    signed, gap, signatures = note.rpartition("\n\n")
    signed += "\n"
    origin, size, root, *extensions = signed[:-1].split("\n")
    lines = signatures[:-1].split("\n")
    head = Fields(size=int(size), root=unbase64(root))
    shaped = (gap and note.endswith("\n") and len(note.encode()) <= 16_384 and all(c >= " " or c == "\n" for c in note)
              and all(line.startswith("\u2014 ") for line in lines) and all(extensions) and str(head.size) == size and len(head.root) == 32)
    if not shaped or origin != name:
        raise ValueError("not a checkpoint of this relay's ledger")
    for line in lines:
        if line.startswith(f"\u2014 {name} "):
            value = unbase64(line.removeprefix(f"\u2014 {name} "))
            if value[:4] == key_id and signed_by(key, value[4:], signed.encode()):
                return head
    raise ValueError("the relay did not sign it")


# ---- §6.5, verifying

def needed(lane_id):
    """The capability, as its bit, that records of a lane need; 0: none."""
    _, number, klass = lane_id
    if klass in (CLIPBOARD, CLIPBOARD_CONTENT):
        return SET_CLIPBOARD if number in SETS_CLIPBOARD else READ_CLIPBOARD
    return NEEDS.get(klass, 0)


class Lane:
    """One lane's chain, and what the two ends signed of it."""

    def __init__(self):
        self.count = 0
        self.first, self.chains = 0, [ZEROS]  # the chain after `first` records, and after each one more
        self.signed = [0, 0]  # records that the agent, that the technician signed for, and that are here
        self.ahead = []  # (records, chain): the author has sealed more than stands here yet

    def extend(self, record):
        self.chains.append(sha256(self.chains[-1], record[:48], sha256(record[48:])))
        self.count += 1
        if len(self.chains) > RECENT:
            del self.chains[0]
            self.first += 1

    def hold(self, signer, own, records, chain):
        """Holds a signed head against the chain that stands here."""
        if self.first > records or self.chains[records - self.first] != chain:
            disputed = not own and self.signed[1 - signer] >= records
            raise Fault("disputed" if disputed else "changed", f"the records up to {records} of a lane are not those that were signed")
        self.signed[signer] = records
        del self.chains[:max(0, min(self.signed) - self.first)]  # nobody speaks of these again
        self.first = max(self.first, min(self.signed))


class Recording:
    def __init__(self, trusted, session):
        self.trusted, self.session = trusted, session
        self.length, self.order, self.records = 28, ZEROS, 0
        self.manifest = None
        self.lanes = {}
        self.numbers, self.last, self.ended = [0, 0], [None, None], [False, False]
        self.granted = 0
        self.tree = self.close = None
        self.torn = self.closing_receipt = self.proved = False

    def entry(self, kind, head, body, value):
        if kind is None:
            self.torn = True
            return
        need(self.manifest or kind == MANIFEST, "missing", "the manifest is missing")
        need(not self.manifest or kind != MANIFEST, "rearranged", "a second manifest")
        need(not self.proved, "rearranged", "something stands behind the ledger's proof")
        need(self.close is None or kind in (RECEIPT, LEDGER), "rearranged", "something stands behind the close")
        step = {MANIFEST: self.begin, RECORD: self.record, RECEIPT: self.receipt, CLOSE: self.end, CHECKPOINT: self.checkpoint,
                LEDGER: self.ledger}[kind]
        step(value)
        self.length += len(head) + len(body)
        self.order = sha256(self.order, head, body[:48])

    def begin(self, sealed):
        """§6.3, from the organisation's root down."""
        signed, seen = sealed
        it = signed.open(MANIFEST_STATEMENT, signed.key, "its key")
        need(it.agent == signed.key, "manifest", "the manifest is not signed by the agent it names")
        bundle = it.bundle.open(ORG_BUNDLE, it.bundle.key, "its key")
        need(bundle.root == it.bundle.key, "forged", "the bundle is not signed by the root it names")
        need(bundle.root == self.trusted.root, "other-organisation", "the bundle is not of the trusted organisation")
        need([who.author for who in it.technicians] == [TECHNICIAN], "manifest", "not exactly one technician")
        technician = it.technicians[0]
        consent = it.consent.open(CONSENT, it.agent, "the agent")
        need(technician.credential.key == bundle.issuer, "manifest", "the credential is not of the organisation's issuer")
        credential = technician.credential.open(CREDENTIAL, bundle.issuer, "the issuer")
        tier = {number: capabilities for number, _, capabilities in reversed(bundle.tiers)}.get(credential.tier)
        fits = (credential.technician == technician.key and credential.organisation == bundle.organisation and tier is not None
                and credential.issued_ms <= consent.asked_ms + SKEW_MS and consent.asked_ms < credential.expires_ms
                and credential.expires_ms - credential.issued_ms <= HALF_DAY_MS)
        need(fits, "manifest", "the credential did not entitle this technician")
        consent_seen = it.consent_seen.open(CONSENT_SEEN, technician.key, "the technician")
        manifest_seen = seen.open(MANIFEST_SEEN, technician.key, "the technician")
        self.digest = signed.digest(MANIFEST_STATEMENT)
        fits = ((consent.session, consent.agent, consent.technician) == (it.session, it.agent, technician.key)
                and consent.credential == technician.credential.digest(CREDENTIAL)
                and not consent.granted & ~consent.asked and not consent.asked & ~tier
                and consent_seen.consent == it.consent.digest(CONSENT) and manifest_seen.manifest == self.digest)
        need(fits, "manifest", "the manifest's statements contradict each other")
        need(it.session == self.session, "foreign", "the manifest is of another session than the file")
        old = bundle.serial < self.trusted.serial and it.started_ms > self.trusted.issued_ms + HALF_DAY_MS
        need(not old, "rolled-back", "the session used an older bundle than the organisation had")
        self.manifest, self.consented, self.granted = it, consent.granted, consent.granted
        self.keys, self.receipt_key = [it.agent, technician.key], bundle.receipt_key

    def record(self, record):
        need(len(record) >= 48, "damaged", "a record is shorter than its header")
        version, klass, author, flags, _, number, length, sequence, _, session = struct.unpack("<BBBBIIIQQ16s", record[:48])
        fits = version == 1 and klass <= CLIPBOARD_CONTENT and flags <= 1 and SHORTEST_BODY <= length <= LONGEST_BODY[klass]
        need(fits and length == len(record) - 48, "changed", "a record does not begin with its header")
        need(session == self.session and author <= TECHNICIAN, "foreign", "a record is of another session")
        lane = self.lanes.setdefault((author, number, klass), Lane())
        need(sequence <= lane.count, "missing", f"records of lane {number} are missing before number {sequence}")
        need(sequence == lane.count, "rearranged", f"record {sequence} of lane {number} stands here again")
        lane.extend(record)
        self.records += 1
        while lane.ahead and lane.ahead[0][0] == lane.count:
            lane.hold(author, True, *lane.ahead.pop(0))

    def checkpoint(self, signed):
        need(signed.key in self.keys, "forged", "a checkpoint is signed by neither end")
        author = self.keys.index(signed.key)
        it = signed.open(CHECKPOINT_STATEMENT, signed.key, "an end")
        ours = (it.session, it.manifest, it.author) == (self.session, self.digest, author)
        need(ours, "foreign", "a checkpoint is of another session or author")
        need(it.number <= self.numbers[author], "missing", f"checkpoints are missing before number {it.number}")
        need(it.number == self.numbers[author], "rearranged", f"checkpoint {it.number} stands here again")
        need(it.previous == (self.last[author] or ZEROS), "changed", "a checkpoint names another one before it")
        need(not self.ended[author], "disputed", "an end went on after its last checkpoint")
        moved = {}
        for lane_id, records, chain in it.heads:
            start = self.hold_head(author, lane_id, records, chain)
            moved[lane_id] = (start, records)
        if author == AGENT:
            self.hold_grants(it, moved)
        self.numbers[author] += 1
        self.last[author] = signed.digest(CHECKPOINT_STATEMENT)
        self.ended[author] = it.close is not None

    def hold_head(self, signer, lane_id, records, chain):
        """Up to where this signer had signed before."""
        lane = self.lanes.setdefault(lane_id, Lane())
        own = lane_id[0] == signer
        before = lane.ahead[-1][0] if own and lane.ahead else lane.signed[signer]
        need(records >= before, "disputed", "an end takes back what it signed")
        if records <= lane.count:
            lane.hold(signer, own, records, chain)
        else:
            need(own, "missing", f"records of lane {lane_id[1]} are missing that the other end had")
            lane.ahead.append((records, chain))
        return before

    def hold_grants(self, it, moved):
        """What the agent handled since its checkpoint before, it handled in the state of that one."""
        refused = {}
        for lane_id, first, count in sorted(it.refused):
            start, end = moved.get(lane_id, (0, 0))
            within = lane_id[0] == TECHNICIAN and lane_id in moved and start <= first and first + count <= end
            need(within, "disputed", "the agent refused records that it cannot have refused")
            refused.setdefault(lane_id, []).append((first, first + count))
        for lane_id, (start, end) in moved.items():
            if self.granted & needed(lane_id) == needed(lane_id):
                continue
            for first, behind in refused.get(lane_id, []):
                start = max(start, behind) if first <= start else start
            need(start >= end, "outside-grant", f"record {start} of lane {lane_id[1]} was handled without a grant")
        need(not it.granted & ~self.consented, "outside-grant", "more was granted than the user allowed")
        self.granted = it.granted

    def receipt(self, signed):
        it = signed.open(RECEIPT_STATEMENT, self.receipt_key, "the relay")
        need(it.session == self.session and it.manifest == self.digest, "foreign", "a receipt is of another session")
        need(it.records <= self.records, "missing", f"the relay had {it.records} records")
        fits = (it.records, it.bytes, it.order) == (self.records, self.length, self.order)
        need(fits, "rearranged", "what stands here is not what the relay received")
        self.grow(it.ledger)
        self.closing_receipt = self.close is not None

    def grow(self, tree):
        before, self.tree = self.tree, tree
        grown = before is None or tree.size > before.size or tree == before
        need(grown, "two-ledgers", "the relay signed two ledgers that cannot both be")

    def end(self, code):
        self.close = code

    def ledger(self, proof):
        try:
            tree = open_note(proof.checkpoint, self.receipt_key)
            it = decode(proof.entry, lambda b: b.fields(**SESSION_ENTRY))
        except (ValueError, IndexError, Unreadable) as error:
            raise Fault("not-in-ledger", f"the proof for the ledger does not hold: {error}") from None
        within = it.variant == 0 and proof.index < tree.size <= LARGEST_LEDGER
        held = within and tree_root(proof.entry, proof.index, tree.size, proof.proof) == tree.root
        need(held, "not-in-ledger", "the ledger does not hold this entry")
        need(it.session == self.session, "foreign", "the ledger's entry is of another session")
        says = (it.agent, it.number, it.technician, it.manifest, it.agent_checkpoint, it.technician_checkpoint,
                it.records, it.bytes, it.order, it.started_ms, it.close)
        stands = (self.keys[AGENT], self.manifest.number, self.keys[TECHNICIAN], self.digest, *self.last,
                  self.records, self.length, self.order, self.manifest.started_ms, self.close or 0)
        need(says == stands, "rearranged", "the ledger says something else of this session than what stands here")
        self.grow(tree)
        self.proved = True

    def unclean(self):
        """What is missing at the end without being a fault."""
        unsigned = any(max(lane.signed) < lane.count for lane in self.lanes.values())
        otherwise = any(lane.ahead or lane.signed[of[0]] < lane.count for of, lane in self.lanes.items() if self.ended[of[0]])
        reasons = {
            "it ends inside an entry": self.torn,
            "it was not closed": self.close is None,
            "an end's last checkpoint is missing": not all(self.ended),
            "the last records are signed by nobody": unsigned,
            "an end that signed off sent more, or less, than stands here": otherwise,
            "the last receipt is missing": not self.closing_receipt,
            "it is not in the ledger": not self.proved,
        }
        return "; ".join(reason for reason, holds in reasons.items() if holds)


def verify(stream, trusted):
    """(word, sentence) for one recording."""
    head = stream.read(28)
    if len(head) < 28 or head[:12] != b"SIGHTREC\1\0\0\0":
        return "not-a-recording", "it does not begin as one"
    recording = Recording(trusted, head[12:])
    try:
        for entry in entries(stream):
            recording.entry(*entry)
        need(recording.manifest, "missing", "the manifest is missing")
    except Fault as fault:
        return fault.word, f"{fault}, at byte {recording.length}, behind {recording.records} records"
    reasons = recording.unclean()
    return ("unclean", reasons) if reasons else ("whole", f"{recording.records} records, closed with code {recording.close}")


def main(arguments):
    batch = arguments[:1] == ["--batch"]
    paths = arguments[batch:]
    if (len(paths) != 1) if batch else (len(paths) < 2):
        sys.exit(__doc__)
    try:
        with open(paths[0], "rb") as file:
            signed = decode(file.read(), Signed)
        trusted = signed.open(ORG_BUNDLE, signed.key, "its key")
    except (Unreadable, Fault) as error:
        sys.exit(f"{paths[0]} is not an organisation's bundle: {error}")
    if batch:
        while length := sys.stdin.buffer.read(4):
            case = sys.stdin.buffer.read(int.from_bytes(length, "little"))
            print(verify(io.BytesIO(case), trusted)[0])
        return 0
    code = 0
    for path in paths[1:]:
        with open(path, "rb") as file:
            word, what = verify(file, trusted)
        print(f"{path}: {word}: {what}")
        code = code or EXIT[word]
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
