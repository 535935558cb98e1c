import os

import pytest

from tocsin.cli.screen import MOST_ROWS


@pytest.fixture
def listed(tocsin, known, media):
    """A list that holds both known pictures of the sample media."""
    assert tocsin("lists", "add", known, *media.known).code == 0
    return known


@pytest.fixture
def verdicts(tocsin):
    """Screen paths; give each one's verdict."""

    def call(*arguments):
        return {one["path"]: one["verdict"] for one in tocsin("screen", *arguments, "--json").lines}

    return call


def test_copies_are_held_and_strangers_pass(verdicts, listed, media):
    found = verdicts(media.altered[0].parent)
    assert {found[str(path)] for path in media.altered} == {"hold"}
    assert {found[str(path)] for path in media.strangers} == {"allow"}


def test_a_json_line_says_what_was_found_and_why(tocsin, listed, media):
    (line,) = tocsin("screen", media.altered[0], "--list", listed, "--json").lines
    assert line["path"] == str(media.altered[0])
    hit = line["hits"][0]
    assert hit.keys() >= {"signal", "item", "list", "distance", "view", "type", "labels"}
    assert (hit["list"], hit["distance"] <= 31) == (listed, True)
    assert line["reasons"][0].keys() == {"code", "text", "list"}


def test_files_are_answered_in_the_order_of_their_names(tocsin, media):
    folder = media.altered[0].parent
    paths = [one["path"] for one in tocsin("screen", folder, "--no-record", "--json").lines]
    assert paths == sorted(map(str, folder.iterdir()))


def test_only_the_lists_named_are_asked(tocsin, listed, media):
    tocsin("lists", "create", "other")
    (line,) = tocsin("screen", media.known[0], "--list", "other", "--json").lines
    assert (line["verdict"], line["hits"]) == ("allow", [])


def test_an_unknown_list_ends_the_command(tocsin, listed, media):
    assert tocsin("screen", media.known[0], "--list", "nosuch").code == 1


@pytest.fixture
def odd_files(tmp_path):
    """Things in a folder that are not files one can read."""
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "empty.jpg").touch()
    (folder / "link.jpg").symlink_to("/etc/passwd")
    (folder / "text.jpg").write_text("not a picture")
    (folder / "\x1b[2J.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    os.mkfifo(folder / "pipe.jpg")
    return folder


def test_whatever_cannot_be_read_is_a_row_with_a_reason(tocsin, listed, odd_files):
    answer = tocsin("screen", odd_files, "--json")
    assert answer.code == 0
    assert {line["verdict"] for line in answer.lines} == {"not_inspectable"}
    codes = {line["path"].rpartition("/")[2]: line["reasons"][0]["code"] for line in answer.lines}
    assert codes == {
        "empty.jpg": "empty",
        "link.jpg": "unreadable",
        "text.jpg": "unknown_format",
        "\x1b[2J.jpg": "broken",
        "pipe.jpg": "unreadable",
    }


def test_a_table_of_odd_names_cannot_steer_the_terminal(tocsin, listed, odd_files):
    assert "\x1b" not in tocsin("screen", odd_files).out


def test_a_path_that_is_not_there_is_not_inspectable(verdicts, listed, tmp_path):
    assert verdicts(tmp_path / "nosuch") == {str(tmp_path / "nosuch"): "not_inspectable"}


def test_an_unreadable_file_leaves_a_record_too(tocsin, listed, tmp_path):
    tocsin("screen", tmp_path / "nosuch")
    (event,) = tocsin("events", "--tag=upload:screening:completed", "--json").lines
    assert event["body"]["verdict"] == "not_inspectable"


def test_a_screening_is_recorded_unless_it_is_not_wanted(tocsin, listed, media):
    tocsin("screen", media.strangers[0], "--no-record")
    (line,) = tocsin("screen", media.strangers[1], "--json").lines
    events = tocsin("events", "--tag=upload:screening:completed", "--json").lines
    assert [one["subject"] for one in events] == [line["id"]]


@pytest.mark.parametrize(
    ("fail_on", "code"), [("limit", 3), ("hold", 3), ("refuse", 0), ("not_inspectable", 3)]
)
def test_a_script_can_ask_for_a_failing_exit(tocsin, listed, media, fail_on, code):
    assert tocsin("screen", media.known[0], f"--fail-on={fail_on}").code == code


def test_a_clean_folder_does_not_fail(tocsin, listed, media):
    assert tocsin("screen", media.strangers[0], "--fail-on=hold").code == 0


def test_the_country_of_the_upload_counts(tocsin, listed, media):
    tocsin("lists", "change", listed, "--territory=DE")
    (line,) = tocsin("screen", media.known[0], "--territory=FR", "--json").lines
    assert (line["verdict"], line["reasons"][0]["code"]) == ("allow", "other_territory")
    assert tocsin("screen", media.known[0], "--territory=Germany").code == 2


def test_a_link_is_matched_however_it_is_spelt(verdicts, tocsin, known):
    tocsin("lists", "add", known, "--url", "https://Example.org/post/12")
    link = "https://example.org:443/post/12#top"
    assert verdicts(link, "https://example.org/") == {link: "hold", "https://example.org/": "allow"}


def test_a_node_without_lists_says_that_nothing_can_match(tocsin, media):
    answer = tocsin("screen", media.known[0])
    assert answer.code == 0
    assert "no block list is in force" in answer.err


def test_people_see_distance_view_and_reason_and_a_sum(tocsin, listed, media):
    out = tocsin("screen", media.altered[0].parent).out
    row = next(line for line in out.splitlines() if "mirrored.jpg" in line)
    assert "image native mirrored" in row or "image 512 mirrored" in row
    assert out.endswith(f"{12} screened: 2 allow, 10 hold\n")


def test_of_many_files_people_see_those_that_did_not_pass(tocsin, known, tmp_path):
    for number in range(MOST_ROWS + 1):
        (tmp_path / f"{number}.txt").write_text(str(number))
    tocsin("lists", "create", "friends", "--kind=allow", "--ttl-days=0")
    tocsin("lists", "add", "friends", tmp_path / "1.txt")
    out = tocsin("screen", *sorted(tmp_path.glob("*.txt"))).out
    assert "/1.txt" not in out
    assert out.endswith(f"{MOST_ROWS + 1} screened: 1 allow, {MOST_ROWS} not_inspectable\n")
