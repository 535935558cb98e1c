from tocsin.cli.clock import now
from tocsin.cli.records import open_records
from tocsin.recording.events import Tag


def test_the_folder_is_made_for_its_owner_alone(data):
    with open_records(None) as records:
        assert records.rules.all() == ()
    assert data.stat().st_mode & 0o777 == 0o700


def test_what_is_noted_is_on_the_record(data):
    with open_records(data) as records:
        records.note(Tag.LIST_READ, "known", first=1)
        (recorded,) = records.history.page()
    assert (recorded.event.actor, recorded.event.subject) == ("cli", "known")
    assert recorded.event.body == {"first": 1}


def test_the_clock_is_aware():
    assert now().utcoffset() is not None
