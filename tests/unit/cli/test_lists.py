from io import StringIO

import pytest


def test_a_list_without_options_holds_what_matches_for_a_year(tocsin):
    (rule,) = tocsin("lists", "create", "known", "--json").lines
    wanted = {"kind": "block", "radius": 31, "verdict": "hold", "enabled": True, "ttl_days": 365.0}
    assert rule.items() >= wanted.items()


def test_every_field_of_a_list_can_be_set(tocsin):
    fields = {
        "kind": "allow",
        "radius": 20,
        "quality_floor": 60,
        "verdict": "limit",
        "exact_verdict": "refuse",
        "sample_ratio": 0.25,
        "reason": "order 12",
        "enabled": False,
        "ttl_days": 7.0,
    }
    options = [
        f"--{key.replace('_', '-')}={one}" for key, one in fields.items() if key != "enabled"
    ]
    options += ["--disabled", "--label=threat", "--label=graphic", "--territory=DE"]
    (rule,) = tocsin("lists", "create", "known", *options, "--json").lines
    assert rule.items() >= fields.items()
    assert (rule["labels"], rule["territories"]) == (["threat", "graphic"], ["DE"])


@pytest.mark.parametrize(
    "wrong", ["--radius=65", "--verdict=ban", "--label=x", "--territory=xx", "--ttl-days=0"]
)
def test_a_wrong_field_makes_no_list(tocsin, wrong):
    assert tocsin("lists", "create", "known", wrong).code == 2
    assert tocsin("lists", "show", "--json").lines == []


def test_a_name_is_taken_once(tocsin, known):
    answer = tocsin("lists", "create", known)
    assert answer.code == 1
    assert "there is a list known already" in answer.err


def test_a_change_leaves_the_other_fields_alone(tocsin, known):
    tocsin("lists", "change", known, "--radius=24")
    (rule,) = tocsin("lists", "change", known, "--verdict=refuse", "--json").lines
    assert (rule["radius"], rule["verdict"], rule["quality_floor"]) == (24, "refuse", 50)


def test_a_change_of_nothing_is_refused(tocsin, known):
    assert tocsin("lists", "change", known).code == 2


def test_a_list_can_be_let_count_everywhere_again(tocsin, known):
    tocsin("lists", "change", known, "--territory=DE")
    (rule,) = tocsin("lists", "change", known, "--everywhere", "--json").lines
    assert rule["territories"] == []


def test_a_list_can_be_renamed(tocsin, known):
    tocsin("lists", "change", known, "--rename=better")
    assert [rule["name"] for rule in tocsin("lists", "show", "--json").lines] == ["better"]


def test_a_list_is_switched_off_and_on(tocsin, known):
    assert tocsin("lists", "disable", known, "--json").lines[0]["enabled"] is False
    assert tocsin("lists", "enable", known, "--json").lines[0]["enabled"] is True


def test_a_removed_list_is_gone_and_its_name_free(tocsin, known):
    assert tocsin("lists", "remove", known, "--yes").code == 0
    assert tocsin("lists", "show", known).code == 1
    assert tocsin("lists", "create", known).code == 0


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_removed(tocsin, known, monkeypatch, answer):
    monkeypatch.setattr("sys.stdin", StringIO(answer))
    assert tocsin("lists", "remove", known).code == 130
    assert tocsin("lists", "show", known).code == 0


def test_showing_items_is_recorded_and_showing_rules_is_not(tocsin, known):
    tocsin("lists", "add", known, "--sha256", "ab" * 32)
    tocsin("lists", "show")
    assert tocsin("events", "--tag=list:items:read", "--json").lines == []
    tocsin("lists", "show", known)
    (event,) = tocsin("events", "--tag=list:items:read", "--json").lines
    assert (event["subject"], event["actor"]) == (known, "cli")


def test_a_page_of_items_follows_the_one_before(tocsin, known):
    for digit in "abc":
        tocsin("lists", "add", known, "--sha256", digit * 64)
    first = tocsin("lists", "show", known, "--limit=2", "--json").lines[1:]
    rest = tocsin("lists", "show", known, f"--after={first[-1]['item']}", "--json").lines[1:]
    assert [len(first), len(rest)] == [2, 1]


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_what_was_exported_can_be_imported(tocsin, known, tmp_path, format):
    tocsin("lists", "add", known, "--sha256", "ab" * 32, "--md5", "cd" * 16, "--label=threat")
    file = tmp_path / f"known.{format}"
    assert tocsin("lists", "export", known, "--format", format, "-o", file).code == 0
    tocsin("lists", "create", "copy")
    tocsin("lists", "import", "copy", file)
    assert tocsin("lists", "show", "copy", "--json").lines[0]["counts"]["sha256"] == 1


def test_an_export_to_stdout_is_the_file_and_is_recorded(tocsin, known):
    tocsin("lists", "add", known, "--sha256", "ab" * 32)
    (item,) = tocsin("lists", "export", known).lines
    assert item["signals"] == [{"type": "sha256", "signal": "ab" * 32}]
    assert len(tocsin("events", "--tag=list:items:exported", "--json").lines) == 1


def test_an_export_that_cannot_be_written_says_so(tocsin, known, tmp_path):
    answer = tocsin("lists", "export", known, "-o", tmp_path / "nowhere" / "file")
    assert answer.code == 2
    assert "cannot be written" in answer.err
