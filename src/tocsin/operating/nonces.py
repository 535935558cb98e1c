"""The nonces of signed requests: each is used once (see `entries/requests.py`)."""

from datetime import datetime
from pathlib import Path

from tocsin.operating.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS used (
    key TEXT NOT NULL,
    nonce TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (key, nonce)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_until ON used (until);
"""


class StoredNonces:
    """Nonces in a file of their own, so that those who read do not wait for those who write.

    Not synced: after a power cut some may be forgotten, and then a request can be repeated until it
    is too old. The log itself takes no entry twice.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA, durable=False)

    def use(self, key: str, nonce: str, until: datetime) -> bool:
        """Take note of a nonce, to be kept until then; False if the key used it before.

        Raises Unavailable.
        """
        ends = int(until.timestamp()) + 1
        with self._database.write() as connection:
            stored = connection.execute(
                "INSERT OR IGNORE INTO used VALUES (?, ?, ?)", (key, nonce, ends)
            ).rowcount
        return stored == 1

    def purge(self, now: datetime) -> None:
        """Forget what is too old to be used again. Raises Unavailable."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM used WHERE until < ?", (int(now.timestamp()),))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
