"""Canonical JSON (RFC 8785), read strictly: there is one form of bytes for each payload.

Payloads hold no floats and only ASCII keys. For such values RFC 8785 is what the standard library
writes when it sorts the keys, in a tenth of the time that a full implementation takes; a test
compares the two. Bytes in another form are refused rather than brought into this one: what was
signed is what is kept.
"""

import json
from typing import Any, NoReturn

from tocsin.errors import InvalidInput

MAX_PAYLOAD_BYTES = 32_768
MAX_INTEGER = 2**53 - 1
"""The largest integer that every reader of JSON keeps exactly (RFC 8785, appendix D)."""

Object = dict[str, Any]


def encode(value: Object) -> bytes:
    """Write a payload. Raises InvalidInput for what has no canonical form, or is too long."""
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
        raw = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"this cannot be written as canonical JSON: {error}") from error
    decode(raw)
    return raw


def decode(raw: bytes) -> Object:
    """Read a payload. Raises InvalidInput for any other form than the canonical one."""
    if len(raw) > MAX_PAYLOAD_BYTES:
        raise InvalidInput(f"a payload has at most {MAX_PAYLOAD_BYTES} bytes, not {len(raw)}")
    try:
        # In ASCII every key is, and one that stands twice does not come out again below.
        value = (_QUICK if raw.isascii() else _DECODER).decode(raw.decode())
        again = _ENCODER.encode(value).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the payload is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput("a payload is a JSON object")
    if again != raw:
        raise InvalidInput("the payload is not in its canonical form (RFC 8785)")
    return value


def _object(pairs: list[tuple[str, Any]]) -> Object:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands in an object twice")
    if not all(key.isascii() for key in found):
        raise ValueError("keys are ASCII")
    return found


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= len(str(MAX_INTEGER)) + 1 else MAX_INTEGER + 1
    if abs(number) > MAX_INTEGER:
        raise ValueError(f"{digits[:20]} is beyond what every reader keeps exactly")
    return number


def _no_float(digits: str) -> NoReturn:
    raise ValueError(f"{digits[:20]} is not an integer; payloads hold no others")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float
)
_QUICK = json.JSONDecoder(parse_int=_integer, parse_float=_no_float, parse_constant=_no_float)
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
