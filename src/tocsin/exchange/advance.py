"""An advance of a log: a checkpoint, and the proof that it extends an older one. All unverified.

The form is the body of add-checkpoint (C2SP tlog-witness 1.0.0). The signer is asked in it too, and
evidence of a fork is written in it: a witness that receives such evidence refuses it by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tocsin.exchange.checkpoint import parse_hash, parse_size
from tocsin.exchange.errors import Malformed
from tocsin.exchange.keys import encode_base64
from tocsin.exchange.note import MAX_NOTE_BYTES

MAX_PROOF_LINES = 63
MAX_ADVANCE_BYTES = MAX_NOTE_BYTES + 4096


@dataclass(frozen=True, slots=True)
class Advance:
    """The claim that the tree of `checkpoint` extends the one of `old_size` leaves."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes


def encode_advance(old_size: int, proof: Iterable[bytes], checkpoint: bytes) -> bytes:
    """Write an advance."""
    lines = "".join(f"{encode_base64(one)}\n" for one in proof)
    return f"old {old_size}\n{lines}\n".encode() + checkpoint


def decode_advance(body: bytes) -> Advance:
    """Read an advance strictly. Raises Malformed."""
    if len(body) > MAX_ADVANCE_BYTES:
        raise Malformed(f"an advance has at most {MAX_ADVANCE_BYTES} bytes, not {len(body)}")
    head, blank, checkpoint = body.partition(b"\n\n")
    try:
        first, *lines = head.decode().split("\n")
    except UnicodeDecodeError as error:
        raise Malformed("the advance is not UTF-8") from error
    if not blank or not first.startswith("old "):
        raise Malformed("an advance is an old size, a proof, an empty line and a checkpoint")
    if len(lines) > MAX_PROOF_LINES:
        raise Malformed(f"a proof has at most {MAX_PROOF_LINES} lines, not {len(lines)}")
    proof = tuple(parse_hash(line) for line in lines)
    return Advance(parse_size(first.removeprefix("old ")), proof, checkpoint)
