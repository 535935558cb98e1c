"""Readers that were written apart judge logs made at random alike, and read the same payloads.

The Go judge was written from the specification alone, the harness of the vectors in a few lines,
the follower for the node. What is tried follows from a number in the test's name.
"""

import base64
import json
from collections import Counter
from random import Random

import pytest

from histories import History
from ledger import ORIGIN
from payloads import a_payload
from record import MAKE, followed, view
from tocsin.entries.envelope import EntryType
from tocsin.entries.statements import entry_type, parse
from tocsin.errors import InvalidInput

READERS = MAKE.READERS
"""A member of the group, a member, the public: the audiences whose contents each is given."""

BROKE_DOWN = {"judged": ["it broke down"], "register": {}}
RARE = {"too_many"}
"""Needs a thousand entries of one kind."""

CODES = {
    *("malformed", "unfounded", "unknown_key", "bad_signature", "revoked_key", "replayed", "gap"),
    *("suspended", "unknown_type", "not_permitted", "unreadable", "withheld", "not_opening"),
    *("exists", "no_member", "weak_key", "roles_clash", "unapproved", "last_operator", "not_own"),
    *("no_key", "bad_group", "no_request", "own_request", "twice", "wrong_audience", "not_open"),
    *("no_end", "no_incident", "bad_end", "no_subject", "own_item", "no_successor", "needed"),
}


def seeds(few, many):
    """Number the trials: a few of them for every day, all for the long run."""
    slow = pytest.mark.slow
    return [pytest.param(n, marks=[slow] * (n >= few), id=f"seed-{n}") for n in range(many)]


def harness(rows):
    return view(*MAKE.follow([(*row, "public") for row in rows]))


def follower(rows):
    return view(*followed(ORIGIN, [leaf for leaf, _ in rows], [content for _, content in rows]))


@pytest.fixture(scope="module")
def foreigner(go):
    """The judge in Go."""

    def judge(rows):
        entries = [
            {"Leaf": leaf.hex(), "Content": base64.b64encode(content).decode()}
            for leaf, content in rows
        ]
        return asked(go, "judge", entries)

    return judge


def asked(go, command, entries):
    code, lines = go("record", command, told=json.dumps({"Origin": ORIGIN, "Entries": entries}))
    return json.loads(lines[0]) if code == 0 else BROKE_DOWN


def compare(seed, other):
    """Let another judge what the harness judges, as each reader; fail at the first difference."""
    history = History(seed)
    for reader, audiences in READERS.items():
        rows = [(leaf, content * (to in audiences)) for leaf, content, to in history.rows]
        if harness(rows) != other(rows):
            shortest = next(
                n for n, _ in enumerate(rows, 1) if harness(rows[:n]) != other(rows[:n])
            )
            told = described(rows[:shortest], harness(rows[:shortest]), other(rows[:shortest]))
            pytest.fail(f"seed {seed}, reader {reader}: {told}", pytrace=False)


def described(rows, ours, theirs):
    """Say at which entry two readers part, and in what: nothing before it matters to them."""
    leaf, content = rows[-1]
    lines = [
        f"entry {len(rows) - 1} parts the harness from the other",
        f"leaf {leaf.hex()}",
        f"payload {content[32:]!r}",
        f"judged {ours['judged'][-1]} / {theirs['judged'][-1]}",
    ]
    for name in theirs["register"]:
        both = ours["register"][name], theirs["register"][name]
        if both[0] != both[1]:
            lines.append(f"{name} " + " / ".join(map(json.dumps, both)))
    return "\n  ".join(lines)


@pytest.mark.parametrize("seed", seeds(12, 400))
def test_go_judges_a_log_at_random_as_the_harness_does(foreigner, seed):
    compare(seed, foreigner)


@pytest.mark.parametrize("seed", seeds(12, 400))
def test_a_follower_judges_a_log_at_random_as_the_harness_does(seed):
    compare(seed, follower)


@pytest.mark.parametrize("seed", seeds(3, 100))
def test_go_reads_the_payloads_at_random_that_we_read(go, seed):
    rnd = Random(seed)
    payloads = [a_payload(rnd) for _ in range(1000)]
    entries = [{"Payload": base64.b64encode(one).decode()} for one in payloads]
    theirs = asked(go, "payloads", entries)
    assert theirs != BROKE_DOWN, f"seed {seed}"
    for raw, number in zip(payloads, theirs, strict=True):
        assert number_of(raw) == number, f"seed {seed}: {raw!r}"


def number_of(raw):
    """Return the number of a payload's type; 0: it is no statement."""
    try:
        return int(entry_type(parse(raw)))
    except InvalidInput:
        return 0


@pytest.mark.slow
def test_the_logs_at_random_come_to_every_judgement_but_one_and_allow_every_type():
    judged, allowed = Counter(), set()
    for seed in range(100):
        history = History(seed)
        codes = MAKE.follow(history.rows, READERS["all"])[1]
        judged.update(codes)
        pairs = zip(history.leaves, codes, strict=True)
        allowed |= {leaf.type for leaf, code in pairs if code == "allowed"}
    assert set(judged) - RARE == CODES | {"allowed"}
    assert allowed == set(EntryType)
    assert judged["allowed"] > judged.total() / 3
