#!/usr/bin/env python3
"""Checks `tests/vectors/session-v1.json` against the recording beside it, step by step, by PROTOCOL.md §3, §5 and §6.2.

    python3 tests/vectors.py

Everything is computed from the session's secret and seed: keys, ciphertexts, origin tags, chains, wraps, digests, order.
"""

import hashlib
import hmac
import json
import pathlib
import struct
import sys

from verify import MANIFEST_STATEMENT, decode, entries, sha256, signed_by, tree_root
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FOLDER = pathlib.Path(__file__).parent / "vectors"


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def expand(key, info, length):
    block = out = b""
    while len(out) < length:
        block = mac(key, block, info, bytes([len(out) // 32 + 1]))
        out += block
    return out[:length]


def hkdf(salt, ikm, *info):
    return expand(mac(salt or bytes(32), ikm), b"".join(info), 32)


def same(name, made, told):
    if made != told:
        sys.exit(f"{name}: {made.hex()} is computed, {told.hex()} stands there")


class Keys:
    """§5.2"""

    def __init__(self, session, secret, seed, epoch=0):
        self.session, self.epoch = session, epoch
        self.root = hkdf(secret, seed, b"sightline epoch v1", session, struct.pack("<I", epoch))
        self.origin = hkdf(b"", secret, b"sightline origin v1", session)

    def of_class(self, number):
        return hkdf(b"", self.root, b"sightline class v1", bytes([number]))

    def of_record(self, number, author):
        return hkdf(b"", self.of_class(number), b"sightline record v1", bytes([author]))

    def of_origin(self, author):
        return hkdf(b"", self.origin, b"sightline origin author v1", bytes([author]))

    def commitment(self, number):
        return sha256(b"sightline class key commitment v1", self.session, bytes([number]), self.of_class(number))


# RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305

KEM, SUITE = b"KEM\0\x20", b"HPKE\0\x20\0\x01\0\x03"


def extract(suite, salt, label, ikm):
    return mac(salt or bytes(32), b"HPKE-v1", suite, label, ikm)


def labelled(suite, key, label, info, length):
    return expand(key, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def key_pair(seed):
    """DeriveKeyPair"""
    private = X25519PrivateKey.from_private_bytes(labelled(KEM, extract(KEM, b"", b"dkp_prk", seed), b"sk", b"", 32))
    return private, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def wrap(keys, number, auditor):
    """A class key for an auditor: (encapsulated, sealed)."""
    class_key = keys.of_class(number)
    private, encapsulated = key_pair(hkdf(b"", class_key, b"sightline wrap v1", auditor))
    shared = private.exchange(X25519PublicKey.from_public_bytes(auditor))
    shared = labelled(KEM, extract(KEM, b"", b"eae_prk", shared), b"shared_secret", encapsulated + auditor, 32)
    info = b"sightline wrap v1" + keys.session + struct.pack("<IB", keys.epoch, number)
    context = b"\0" + extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
    secret = extract(SUITE, shared, b"secret", b"")
    key, nonce = labelled(SUITE, secret, b"key", context, 32), labelled(SUITE, secret, b"base_nonce", context, 12)
    return encapsulated, ChaCha20Poly1305(key).encrypt(nonce, class_key, b"")


def check_statement(says):
    if "digest" not in says:
        return
    it = {name: bytes.fromhex(value) for name, value in says.items() if name != "context"}
    signed = says["context"].encode() + b"\0" + it["body"]
    if not signed_by(it["key"], it["signature"], signed):
        sys.exit(f"{says['context']}: the signature does not hold")
    same("digest", sha256(signed, it["key"], it["signature"]), it["digest"])


def check_manifest(says, keys, auditor_seed):
    for it in says.values():
        check_statement(it)
    manifest = decode(bytes.fromhex(says["manifest"]["body"]), MANIFEST_STATEMENT.read)
    for number, commitment in manifest.commitments:
        same("commitment", keys.commitment(number), commitment)
    for auditor, number, *wrapped in manifest.wraps:
        same("auditor's key", key_pair(auditor_seed)[1], auditor)
        same("wrap", b"".join(wrap(keys, number, auditor)), b"".join(wrapped))


def check_record(says, body, keys, chains):
    it = {name: bytes.fromhex(value) for name, value in says.items() if isinstance(value, str)}
    number, author, lane = says["class"], says["author"], (says["author"], says["lane"], says["class"])
    same("class key", keys.of_class(number), it["class_key"])
    same("record key", keys.of_record(number, author), it["record_key"])
    same("origin key", keys.of_origin(author), it["origin_key"])
    length = len(it["plaintext"]) + 48
    header = struct.pack("<BBBBIIIQQ", 1, number, author, says["flags"], says["epoch"], says["lane"], length, says["sequence"],
                         says["time_us"]) + keys.session
    same("header", header, it["header"])
    nonce = struct.pack("<IQ", says["lane"], says["sequence"])
    ciphertext = AESGCM(it["record_key"]).encrypt(nonce, it["plaintext"], header)
    same("ciphertext", ciphertext, it["ciphertext"])
    before = chains.get(lane, bytes(32))
    tag = mac(it["origin_key"], before, header, sha256(ciphertext))
    same("origin tag", tag, it["origin_tag"])
    chains[lane] = sha256(before, header, sha256(ciphertext, tag))
    same("chain", chains[lane], it["chain"])
    same("record", header + ciphertext + tag, body)


def check_ledger(says):
    entry, root = bytes.fromhex(says["entry"]), bytes.fromhex(says["root"])
    same("leaf", sha256(b"\0", entry), bytes.fromhex(says["leaf"]))
    same("root", tree_root(entry, says["index"], says["size"], [bytes.fromhex(node) for node in says["proof"]]), root)


def main():
    told = json.loads((FOLDER / "session-v1.json").read_text())
    session, secret, seed, auditor_seed = (bytes.fromhex(told[name]) for name in ("session", "session_secret", "seed", "auditor_seed"))
    keys, chains, order, offset = Keys(session, secret, seed), {}, bytes(32), 28
    with open(FOLDER / "session-v1.slrec", "rb") as file:
        same("head", file.read(28), b"SIGHTREC\1\0\0\0" + session)
        for (_, head, body, _), entry in zip(entries(file), told["entries"], strict=True):
            says = entry["says"]
            same("entry's head", head, bytes.fromhex(entry["head"]))
            if entry["offset"] != offset:
                sys.exit(f"an entry at {offset}, not {entry['offset']}")
            {"manifest": lambda: check_manifest(says, keys, auditor_seed), "record": lambda: check_record(says, body, keys, chains),
             "ledger": lambda: check_ledger(says)}.get(entry["kind"], lambda: check_statement(says))()
            offset += len(head) + len(body)
            order = sha256(order, head, body[:48])
            same("order", order, bytes.fromhex(entry["order"]))
    print(f"{len(told['entries'])} entries are as told")


if __name__ == "__main__":
    main()
