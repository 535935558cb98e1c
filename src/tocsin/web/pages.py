"""Pages of a listing: an opaque cursor, and the link to the next page."""

import base64
import binascii
from typing import Annotated
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from tocsin.errors import InvalidInput

MAX_LIMIT = 1000
_MARK = "v1:"


class Page(BaseModel):
    """Which part of a listing is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cursor: Annotated[
        str, Field(max_length=64, description="From an earlier page; leave out for the first.")
    ] = ""
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Most entries of a page.")] = 100

    @property
    def after(self) -> int:
        """The number after which the page begins. Raises InvalidInput."""
        return decode(self.cursor) if self.cursor else 0


def encode(last: int) -> str:
    """Make the cursor that continues after an entry."""
    return base64.urlsafe_b64encode(f"{_MARK}{last}".encode()).decode().rstrip("=")


def decode(cursor: str) -> int:
    """Read a cursor. Raises InvalidInput."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        number = int(text.removeprefix(_MARK)) if text.startswith(_MARK) else -1
    except (ValueError, binascii.Error):
        number = -1
    if not 0 <= number < 2**63 or encode(number) != cursor:
        raise InvalidInput("this cursor was not made by this node", advice="Begin without one.")
    return number


def next_link(path: str, last: int, limit: int, **filters: str | list[str]) -> str:
    """Return the address of the page after an entry."""
    given = {key: value for key, value in filters.items() if value}
    query = {**given, "cursor": encode(last), "limit": str(limit)}
    return f"{path}?{urlencode(query, doseq=True)}"
