"""Values come out of the database as they went in, on both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.tables import Json, UtcTime

DIALECT = sqlite.dialect()
zones = st.timezones() | st.just(UTC)


def stored(time):
    return UtcTime().process_bind_param(time, DIALECT)


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=zones))  # noqa: DTZ001
def test_a_time_comes_back_to_the_microsecond_in_utc(time):
    back = UtcTime().process_result_value(stored(time), DIALECT)
    assert back == time.astimezone(UTC)  # Times of two zones may be one and not equal.
    assert back.tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_stored_times_sort_as_times_do(one, other):
    assert (stored(one) < stored(other)) is (one < other)


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="aware"):
        stored(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("value", [None, [], {}, "", 0, {"a": [1, 2.5, None, True, "Zürich 🔔"]}])
def test_json_comes_back_as_it_went_in(value):
    text = Json().process_bind_param(value, DIALECT)
    assert text.isascii()
    assert Json().process_result_value(text, DIALECT) == value


@pytest.mark.parametrize("column", [UtcTime(), Json()])
def test_no_value_comes_back_as_no_value(column):
    assert column.process_result_value(None, DIALECT) is None


@pytest.mark.parametrize("text", ["plain", "Zürich 🔔", "nul \0 byte", "lone \ud800", "'; DROP"])
def test_an_event_comes_back_as_it_went_in(store, text):
    at = datetime(2026, 3, 1, 12, 0, 0, 123457, tzinfo=timezone(timedelta(hours=2)))
    event = Event(at, Tag.NODE_STARTED, "node", "subject", {"text": text})
    store.record(event).result()
    with store.read() as connection:
        row = connection.execute(select(tables.events)).one()
    assert Event(row.at, Tag(row.tag), row.actor, row.subject, row.body) == event


@pytest.mark.parametrize("tag", Tag)
def test_a_tag_fits_its_column_and_reads_source_subject_action(tag):
    assert len(tag.value) <= tables.events.c.tag.type.length
    assert len(tag.value.split(":")) == 3
