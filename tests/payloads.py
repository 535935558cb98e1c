"""Payloads made at random: a statement, or one with something changed that mostly makes it none."""

import json

from record import MAKE
from tocsin.entries.statements import write

BASES = [json.loads(write(one)) for one in MAKE.EXAMPLES]
FIELDS = sorted({name for one in BASES for name in one})
WORDS = sorted({one for base in BASES for one in base.values() if isinstance(one, str)})

INTEGERS = (0, 1, 2, 3, 4, 10, 11, 100, 101, 720, 721, 1000, 1001, 3650, 3651, 10_000_000)
EDGES = (-1, 2**31, 2**53 - 1, 2**53, -(2**53), 2**63, 2**64, 253_402_300_799, 253_402_300_800)
TEXTS = ("", " ", "a", "A", "-a", "a-b", "a_b", "DE", "de", "DEU", "é", "ab" * 32, "AB" * 32)
LENGTHS = tuple(
    one * length for one in "a😀" for length in (32, 33, 63, 64, 300, 301, 2000, 2001, 2048, 2049)
)
HIDDEN = tuple(
    f"a{one}b"
    for one in "\0\b\t\n\x0b\r\x1f\x7f\x80\x9f\xa0\xad\u061c\u200b\u200e\u2027\u2028\u2029"
    "\u202a\u202e\u202f\u2065\u2066\u2069\u206a\u3000\ud7ff\ue000\ufeff\ufffd\uffff\U0010ffff"
)
LISTS = ([], [1], [None], ["a"], ["a", "a"], ["DE"] * 250, ["DE"] * 251, ["a"] * 20, ["a"] * 21)
ROLES = (["reader"] * 7, ["reader"] * 8, ["operator", "auditor"], ["king"])
OBJECTS = ({}, {"a": 1}, {"a": -1}, {"a": True}, {"": 1}, {"é": 1}, {"A": 1}, {"a" * 64: 1})
VALUES = (None, True, False, 1.5, 1e300)
KINDS = (VALUES, INTEGERS, EDGES, TEXTS, LENGTHS, HIDDEN, LISTS, ROLES, OBJECTS, WORDS)

PIECES = (
    *(b" ", b"\n", b"\t", b"\\n", b"\\u000a", b"\\u0041", b"\\/", b"\\b", b"\\ud83d\\ude00"),
    *(b"\\ud800", b"\xed\xa0\x80", b"\xff", b"\xc3\xa9", b"\xc0\x80", b"\xef\xbb\xbf", b"\0"),
    *(b"0", b".0", b"e1", b"-", b'"', b",", b":", b"{", b"}", b"[", b"]", b"NaN", b"Infinity"),
)


def a_payload(rnd) -> bytes:
    """Make one: about one in seven is a statement."""
    return changed(rnd, rnd.choice(BASES))


def changed(rnd, said: dict) -> bytes:
    """Write a statement with a field, or a few bytes, changed."""
    how = rnd.randrange(10)
    if how == 0:
        return _twice(rnd, said)
    if how == 1:
        return _garbled(rnd, _written(said))
    return _written(_altered(rnd, said))


def _altered(rnd, said: dict) -> dict:
    """Change, drop or add a field, here or in what is inside."""
    said = dict(said)
    inner = [name for name, value in said.items() if _inside(value)]
    if inner and rnd.random() < 0.4:
        name = rnd.choice(inner)
        value = said[name]
        is_list = isinstance(value, list)
        said[name] = [_altered(rnd, value[0]), *value[1:]] if is_list else _altered(rnd, value)
        return said
    name = rnd.choice([*said, *said, rnd.choice(FIELDS), "extra"])
    if rnd.random() < 0.2:
        said.pop(name, None)
    else:
        said[name] = rnd.choice(rnd.choice(KINDS))
    return said


def _inside(value) -> bool:
    return bool(value) and isinstance(value[0] if isinstance(value, list) else value, dict)


def _twice(rnd, said: dict) -> bytes:
    """Write one key twice, with the same value or another."""
    name = rnd.choice(sorted(said))
    again = (name, rnd.choice([said[name], None, 1]))
    pairs = sorted([*said.items(), again], key=lambda pair: pair[0])
    fields = (_written(key) + b":" + _written(value) for key, value in pairs)
    return b"{" + b",".join(fields) + b"}"


def _garbled(rnd, raw: bytes) -> bytes:
    at = rnd.randrange(len(raw) + 1)
    return raw[:at] + rnd.choice(PIECES) + raw[at + rnd.randrange(2) :]


def _written(value) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")
