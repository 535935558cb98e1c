"""Reading files for their hashes, without asking whether they are known."""

from tocsin.app import Node
from tocsin.hashing.pdq import pdq
from tocsin.hashing.views import item_signals
from tocsin.model import Decoded, Signal, SignalType, Undecodable


def read_item(node: Node, content: bytes) -> tuple[Signal, ...]:
    """Return the signals that a file has as an item of a list. Raises Unavailable."""
    return item_signals(content, node.decoder.decode(content))


def read_exact(node: Node, content: bytes) -> Signal | Undecodable:
    """Return PDQ of every pixel of a picture, as `pdqhash` and HMA compute it. Raises Unavailable.

    Of a picture with transparency the reading on white, of an animation the first frame.
    """
    decoded = node.decoder.decode(content, exact=True)
    if not isinstance(decoded, Decoded):
        return decoded
    found = pdq(decoded.planes[0].pixels)
    return Signal(SignalType.PDQ, found.codes[0].tobytes(), found.quality)
