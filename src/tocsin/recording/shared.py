"""The tables of what is followed and published; the rules of `tables.py` hold here too.

All of it but `outbox` and the settings of `exchanges` is a view of the exchanges' logs, and can be
replayed from them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
)

from tocsin.recording.tables import Json, RowId, UtcTime, metadata

exchanges = Table(
    "exchange",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("origin", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("member", String(64), nullable=False),
    Column("settings", Json, nullable=False),
    Column("acting", Boolean, nullable=False),
    Column("added_at", UtcTime, nullable=False),
    Column("removed_at", UtcTime),
    Column("note", LargeBinary),
    Column("size", BigInteger, nullable=False),
    Column("register", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("covered", BigInteger, nullable=False),
    Column("sweep_at", BigInteger),
    Column("frozen", Text, nullable=False),
    Column("suspect", Text, nullable=False),
    Column("advanced_at", UtcTime),
    Column("told", BigInteger, nullable=False),
    Column("faults", Json, nullable=False),
    Column("early_until", UtcTime),
)
"""An exchange that is followed. `note` is the last checkpoint accepted, `size` how many of its
entries are applied, `register` their outcome without the chains. A replay from the start has the
next `round`; when it reaches `sweep_at`, items of earlier rounds go. `covered` is how long the log
was when the reading of this round began: what was open to us then, we have read. `faults` counts
entries without effect by code; `early_until` is the latest time at which entries were received that
came from the future, as long as they were not read again."""

chains = Table(
    "exchange_chain",
    metadata,
    Column("exchange_id", ForeignKey("exchange.id"), primary_key=True),
    Column("member", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""Where each member's chain of entries stands."""

leaves = Table(
    "exchange_leaves",
    metadata,
    Column("exchange_id", ForeignKey("exchange.id"), primary_key=True),
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)
"""Type and key id of every entry, 256 to a row: what judging asks about an earlier one."""

shared_lists = Table(
    "exchange_list",
    metadata,
    Column("exchange_id", ForeignKey("exchange.id"), primary_key=True),
    Column("role", String(255), primary_key=True),
    Column("list_id", ForeignKey("list.id"), nullable=False),
)
"""Which list takes what: "block", "allow", "incident:NAME", with territories behind it."""

shared_items = Table(
    "exchange_item",
    metadata,
    Column("exchange_id", ForeignKey("exchange.id"), primary_key=True),
    Column("entry", BigInteger, primary_key=True, autoincrement=False),
    Column("item_id", ForeignKey("item.id"), nullable=False),
    Column("issuer", String(64), nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("audience", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("round", Integer, nullable=False),
    Index("exchange_item_of_item", "item_id"),
)
"""The item that an entry asserted; `state` says whether it is listed, or why not any more."""

shared_opinions = Table(
    "exchange_opinion",
    metadata,
    Column("exchange_id", ForeignKey("exchange.id"), primary_key=True),
    Column("entry", BigInteger, primary_key=True, autoincrement=False),
    Column("item_id", ForeignKey("item.id"), nullable=False),
    Column("member", String(64), nullable=False),
    Column("stance", String(16), nullable=False),
    Column("round", Integer, nullable=False),
    Index("exchange_opinion_of_item", "item_id"),
)
"""The opinion that an entry holds, so that it can be withdrawn when the entry is erased."""

faults = Table(
    "exchange_fault",
    metadata,
    Column("exchange_id", ForeignKey("exchange.id"), primary_key=True),
    Column("entry", BigInteger, primary_key=True, autoincrement=False),
    Column("code", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)
"""Entries without effect, the first thousand of each exchange."""

evidence = Table(
    "exchange_evidence",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("exchange_id", ForeignKey("exchange.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("files", Json, nullable=False),
)
"""What an exchange showed that froze it: files by name, in base64."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("exchange_id", ForeignKey("exchange.id"), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("urgent", Boolean, nullable=False, server_default=false()),
    Column("leaf", LargeBinary),
    Column("state", String(16), nullable=False),
    Column("entry", BigInteger),
    Column("code", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    Index("outbox_waiting", "exchange_id", "state", "id"),
)
"""Statements on their way out. `leaf` is what was sealed and may have been sent already."""
