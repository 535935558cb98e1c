"""Receipts: an entry's index, its inclusion proof and a cosigned checkpoint (C2SP tlog-proof).

For a submitter, or a court: whoever has the entry, the receipt and a policy verifies it offline.
"""

from dataclasses import dataclass

from tocsin.exchange.checkpoint import Checkpoint, SignedCheckpoint, parse_hash, parse_size
from tocsin.exchange.errors import Malformed
from tocsin.exchange.keys import decode_base64, encode_base64
from tocsin.exchange.merkle import check_inclusion, leaf_hash
from tocsin.exchange.note import MAX_NOTE_BYTES
from tocsin.exchange.policy import Policy
from tocsin.exchange.tree import Tree

MAX_PROOF_BYTES = 2 * MAX_NOTE_BYTES
MAX_PATH_HASHES = 64
"""The height of the largest tree."""

_MAGIC = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """A receipt, unverified. `extra` is nobody's word: no signature covers it."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @classmethod
    def parse(cls, raw: bytes) -> "Proof":
        """Read a receipt strictly. Raises Malformed."""
        if len(raw) > MAX_PROOF_BYTES:
            raise Malformed(f"a receipt has at most {MAX_PROOF_BYTES} bytes, not {len(raw)}")
        head, blank, checkpoint = raw.partition(b"\n\n")
        try:
            magic, *lines = head.decode().split("\n")
        except UnicodeDecodeError as error:
            raise Malformed("the receipt is not UTF-8") from error
        if magic != _MAGIC or not blank:
            raise Malformed(f"a receipt begins with {_MAGIC} and ends with a checkpoint")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise Malformed("a receipt names the index of its entry")
        if len(lines) > MAX_PATH_HASHES + 1:
            raise Malformed(f"a path has at most {MAX_PATH_HASHES} hashes")
        index = parse_size(lines[0].removeprefix("index "))
        return cls(index, tuple(parse_hash(line) for line in lines[1:]), checkpoint, extra)

    def encode(self) -> bytes:
        """Write the receipt."""
        lines = [_MAGIC]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines += [f"index {self.index}", *map(encode_base64, self.path)]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint

    def verify(self, entry: bytes, policy: Policy) -> Checkpoint:
        """Verify that `entry` is in a log of the policy, and return the checkpoint that says so.

        Raises Malformed, Forged, Unverified.
        """
        # 1. The checkpoint: the log's signature, and the quorum of witnesses.
        head = policy.open(self.checkpoint).checkpoint
        # 2. The path from this very entry to the root of that checkpoint.
        check_inclusion(leaf_hash(entry), self.index, head.size, head.root, self.path)
        return head


def prove(tree: Tree, index: int, signed: SignedCheckpoint) -> Proof:
    """Make the receipt for entry `index` under `signed`, the head of `tree`. Raises as `Tree`."""
    if signed.checkpoint != tree.head:
        raise ValueError("a receipt needs the checkpoint of its own tree")
    return Proof(index, tree.inclusion(index), signed.note)
