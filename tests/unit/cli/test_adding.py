import json

import pytest

SHA256, MD5 = "ab" * 32, "cd" * 16


@pytest.fixture
def count(tocsin):
    """How many items a list has."""
    return lambda name: tocsin("lists", "show", name, "--limit=0", "--json").lines[0]["counts"]


def test_each_file_is_an_item_with_its_hashes_and_its_pdq(tocsin, known, media, count):
    added = tocsin("lists", "add", known, *media.known, "--json").lines
    assert [line["path"] for line in added] == [str(path) for path in media.known]
    assert count(known) == {"items": 2, "sha256": 2, "md5": 2, "pdq": 2}


def test_all_hashes_of_one_command_are_one_item(tocsin, known, count):
    tocsin("lists", "add", known, "--sha256", SHA256, "--md5", MD5)
    assert count(known) == {"items": 1, "sha256": 1, "md5": 1}


def test_a_hash_in_capitals_is_the_same_hash(tocsin, known):
    first = tocsin("lists", "add", known, "--sha256", SHA256, "--json").lines[0]
    again = tocsin("lists", "add", known, "--sha256", SHA256.upper(), "--json").lines[0]
    assert (first["fresh"], again["fresh"], again["item"]) == (True, False, first["item"])


def test_what_is_said_of_an_item_is_kept(tocsin, known):
    said = ["--label=threat", "--note=case 12", "--source-id=c12", "--expires-at=2040-01-31"]
    item = tocsin("lists", "add", known, "--sha256", SHA256, *said, "--json").lines[0]["item"]
    (shown,) = tocsin("signals", "show", known, item, "--json").lines
    assert (shown["labels"], shown["note"], shown["source_id"]) == (["threat"], "case 12", "c12")
    assert shown["expires_at"] == "2040-01-31T00:00:00+00:00"


def test_a_file_that_cannot_be_decoded_is_added_by_its_hashes(tocsin, known, tmp_path, count):
    (tmp_path / "video.xyz").write_text("something else")
    answer = tocsin("lists", "add", known, tmp_path / "video.xyz", "--strict")
    assert answer.code == 0
    assert "only its file hashes" in answer.err
    assert count(known) == {"items": 1, "sha256": 1, "md5": 1}


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 4)])
def test_a_file_that_cannot_be_read_is_left_out_with_a_word(tocsin, known, tmp_path, options, code):
    answer = tocsin("lists", "add", known, tmp_path / "nosuch", *options)
    assert answer.code == code
    assert "left out" in answer.err


@pytest.mark.parametrize(
    "wrong", [["--sha256", "ab"], ["--pdq", "x" * 64], ["--url", "no link"], []]
)
def test_what_is_no_signal_is_refused(tocsin, known, wrong, count):
    assert tocsin("lists", "add", known, *wrong).code == 2
    assert count(known) == {"items": 0}


def test_a_list_that_is_not_there_is_named_before_anything_is_read(tocsin, media):
    assert "no list nosuch" in tocsin("lists", "add", "nosuch", *media.known).err
    assert tocsin("lists", "import", "nosuch", media.known[0]).code == 1


@pytest.fixture
def table(tmp_path):
    """A CSV file with three good rows, and two at fault in lines 3 and 5."""
    rows = [f"sha256,{digit * 64}" for digit in "abc"]
    rows.insert(1, "sha256,short")
    rows.insert(3, "sha3,whatever")
    file = tmp_path / "known.csv"
    file.write_text("\n".join(["type,signal", *rows]) + "\n")
    return file


def test_an_import_names_the_lines_at_fault_and_takes_the_rest(tocsin, known, table, count):
    answer = tocsin("lists", "import", known, table, "--json")
    (report,) = answer.lines
    assert (answer.code, report["added"], report["known"]) == (0, 3, 0)
    assert [fault["line"] for fault in report["faults"]] == [3, 5]
    assert count(known)["items"] == 3


def test_people_see_the_faults_as_a_table(tocsin, known, table):
    out = tocsin("lists", "import", known, table).out
    assert "3 items added to known, 0 known already, 2 rows at fault" in out
    assert "'sha3' is not a signal type" in out


def test_a_strict_import_ends_with_4_and_has_stored_the_good_rows(tocsin, known, table, count):
    assert tocsin("lists", "import", known, table, "--strict").code == 4
    assert count(known)["items"] == 3


def test_importing_again_adds_only_what_is_missing(tocsin, known, table):
    tocsin("lists", "import", known, table)
    with table.open("a") as file:
        file.write(f"sha256,{'d' * 64}\n")
    (report,) = tocsin("lists", "import", known, table, "--json").lines
    assert (report["added"], report["known"]) == (1, 3)


def test_a_file_that_cannot_be_imported_says_why(tocsin, known, tmp_path):
    assert tocsin("lists", "import", known, tmp_path / "nosuch.csv").code == 2
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert "header" in tocsin("lists", "import", known, tmp_path / "other.csv").err


@pytest.mark.parametrize("how", ["add", "import"])
def test_an_upload_of_the_past_is_found_when_its_hash_is_added(tocsin, known, media, tmp_path, how):
    tocsin("screen", media.altered[0])
    if how == "add":
        answer = tocsin("lists", "add", known, media.known[0])
    else:
        (line,) = tocsin("hash", media.known[0], "--json").lines
        pdq = next(one["signal"] for one in line["signals"] if one["view"] == "image 512")
        (tmp_path / "one.jsonl").write_text(json.dumps({"pdq": pdq}) + "\n")
        answer = tocsin("lists", "import", known, tmp_path / "one.jsonl")
    assert "1 upload of the past found" in answer.err
    (event,) = tocsin("events", "--tag=upload:lookback:matched", "--json").lines
    assert event["body"]["hits"][0]["list"] == known
