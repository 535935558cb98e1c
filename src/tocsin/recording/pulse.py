"""The cheapest possible look at the list revision, because every look-up takes one.

SQLAlchemy's way to one number costs about ten times what SQLite needs to read it, so this keeps
one driver connection open, outside any transaction.
"""

import threading
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tocsin.errors import Unavailable

_QUERY = "SELECT value FROM counter WHERE name = 'revision'"


class Pulse:
    """Reads the revision. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: Any = None

    def read(self) -> int:
        """Return the number of the latest committed change of any list. Raises Unavailable."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                (value,) = self._connection.execute(_QUERY).fetchone()
            except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
                self._drop()
                raise Unavailable(f"the database could not be read: {error}") from error
        return int(value)

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._drop()

    def _connect(self) -> Any:  # noqa: ANN401 - sqlite3's or psycopg's, which share what we use
        # Detached from the pool: it is ours alone and never waits for a turn.
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        if self._engine.dialect.name == "postgresql":
            connection.autocommit = True  # type: ignore[union-attr]  # psycopg has it
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
