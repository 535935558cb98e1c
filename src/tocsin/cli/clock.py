"""The clock of the command line."""

from datetime import UTC, datetime
from functools import partial

now = partial(datetime.now, UTC)
