"""Many rows at once, in the form that the driver takes.

SQLAlchemy's own way costs several times what the database needs for a row, which counts when a
million are stored. Whoever calls this has brought times and JSON into their stored form before.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection

from tocsin.recording.tables import Json, UtcTime

stored_time = UtcTime().process_bind_param
stored_json = Json().process_bind_param


def insert_rows(
    connection: Connection, columns: Sequence[Column[Any]], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows of these columns, all of one table."""
    if not rows:
        return
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    names = ", ".join(f'"{column.name}"' for column in columns)
    marks = ", ".join([mark] * len(columns))
    table = columns[0].table.name
    sql = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - our own names
    connection.exec_driver_sql(sql, list(rows))
