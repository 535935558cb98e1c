import pytest

PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
NEAR = "08" + PDQ[2:]


@pytest.fixture
def listed(tocsin, known):
    tocsin("lists", "add", known, "--pdq", PDQ, "--md5", "cd" * 16, "--sha1", "ab" * 20)
    tocsin("lists", "add", known, "--url", "https://example.org/post/12")
    return known


@pytest.mark.parametrize(
    ("asked", "distance"),
    [(PDQ, 0), (PDQ.upper(), 0), (NEAR, 4), ("cd" * 16, 0), ("ab" * 20, 0)],
)
def test_a_hash_is_told_by_its_length(tocsin, listed, asked, distance):
    (hit,) = tocsin("signals", "search", asked, "--json").lines
    assert (hit["list"], hit["distance"]) == (listed, distance)


def test_a_link_is_found_however_it_is_spelt(tocsin, listed):
    hits = tocsin("signals", "search", "HTTPS://example.org/post/12#x", "--json").lines
    assert {hit["type"] for hit in hits} == {"url"}


def test_the_type_can_be_named(tocsin, listed):
    assert tocsin("signals", "search", PDQ, "--type=sha256", "--json").lines == []


def test_a_search_can_be_of_one_list(tocsin, listed):
    tocsin("lists", "create", "other")
    assert tocsin("signals", "search", PDQ, "--list=other", "--json").lines == []


def test_what_is_neither_hash_nor_link_is_refused(tocsin, listed):
    answer = tocsin("signals", "search", "hello")
    assert answer.code == 2
    assert "--type" in answer.err


def test_a_search_is_a_read_of_the_lists_and_no_screening(tocsin, listed):
    assert "1 signal found" in tocsin("signals", "search", PDQ).out
    tags = [one["tag"] for one in tocsin("events", "--json").lines]
    assert tags[-1] == "list:items:read"
    assert "upload:screening:completed" not in tags
