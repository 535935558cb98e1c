"""The harness of the record's vectors as a module, and the node's own replay of a whole log."""

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path

from tocsin.entries.envelope import Envelope
from tocsin.errors import InvalidInput
from tocsin.sharing.replaying import Checked, Told, replay
from tocsin.sharing.verifying import Batch, check, keys_in

VECTORS = Path(__file__).parent / "vectors" / "exchange-record"
_SPEC = importlib.util.spec_from_file_location("make_record_vectors", VECTORS / "make.py")
MAKE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(MAKE)

LATE = datetime(9999, 12, 31, 23, 54, 59, 999_999, tzinfo=UTC)
"""A time of the reader at which no entry comes from the future."""


def followed(origin, leaves, contents):
    """Follow a whole log by the code of the node; return the register and each code."""
    keys = tuple(keys_in(leaves, contents).values())
    checked = Checked(0, leaves, contents, check(Batch(origin, keys, leaves, contents)))
    register = MAKE.Register(origin)

    def lookup(index):
        try:
            return Envelope.parse(leaves[index])
        except (InvalidInput, IndexError):
            return None

    outcomes = list(replay(register, checked, lookup, LATE))
    return register, ["allowed" if isinstance(one, Told) else one.code for one in outcomes]


def view(register, codes):
    """Return what a reader came to, in the form of the vectors."""
    return json.loads(json.dumps({"judged": codes, "register": MAKE.summary(register)}))
