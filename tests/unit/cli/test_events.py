def test_events_come_oldest_first_with_all_they_hold(tocsin, known):
    tocsin("lists", "change", known, "--radius=20")
    events = tocsin("events", "--json").lines
    assert [one["tag"] for one in events] == ["list:rule:created", "list:rule:changed"]
    assert events[1]["body"] == {"radius": 20}


def test_a_page_starts_after_the_last_one(tocsin, known):
    tocsin("lists", "disable", known)
    (first,) = tocsin("events", "--limit=1", "--json").lines
    (second,) = tocsin("events", "--limit=1", f"--after={first['event']}", "--json").lines
    assert second["tag"] == "list:rule:changed"


def test_events_can_be_asked_for_by_tag_and_subject(tocsin, known):
    tocsin("lists", "create", "other")
    found = tocsin("events", "--tag=list:rule:created", "--subject=other", "--json").lines
    assert [one["subject"] for one in found] == ["other"]


def test_reading_the_record_is_on_the_record(tocsin, known):
    tocsin("events")
    assert tocsin("events", "--json").lines[-1]["tag"] == "node:events:read"


def test_people_see_a_table(tocsin, known):
    assert "list:rule:created" in tocsin("events").out


def test_an_unknown_tag_is_refused(tocsin):
    assert tocsin("events", "--tag=made:up:tag").code == 2
