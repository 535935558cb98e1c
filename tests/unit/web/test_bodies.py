import json

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request

from tocsin.errors import TooLarge, Unavailable
from tocsin.web.bodies import Room, StrictRequest, file_of, split_form, strict_json
from tocsin.web.problems import Malformed, WrongMedia

pytestmark = pytest.mark.anyio

BOUNDARY = b"xyz"


@pytest.fixture
def anyio_backend():
    return "asyncio"


def asking(*pieces, limit=100, room=None, end=True, **headers):
    """A request whose body arrives in pieces."""
    waiting = [
        {"type": "http.request", "body": piece, "more_body": not end or place < len(pieces) - 1}
        for place, piece in enumerate(pieces or (b"",))
    ]

    async def receive():
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    named = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": named}
    return StrictRequest(scope, receive, limit=limit, room=room or Room(10_000))


def part(content, disposition=b'form-data; name="file"; filename="a.jpg"'):
    head = b"--" + BOUNDARY + b"\r\nContent-Disposition: " + disposition + b"\r\n\r\n"
    return head + content + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"


async def test_a_body_is_put_together_from_its_pieces():
    assert await asking(b"ab", b"cd").body() == b"abcd"


async def test_a_body_beyond_the_limit_is_refused_before_it_is_held():
    request = asking(b"x" * 60, b"x" * 60, b"x" * 60)
    with pytest.raises(TooLarge, match="100 bytes"):
        await request.body()


async def test_a_body_that_declares_too_much_is_refused_unread():
    with pytest.raises(TooLarge):
        await asking(b"x", content_length="101").body()


async def test_a_body_that_breaks_off_is_not_taken_for_a_whole_one():
    with pytest.raises(ClientDisconnect):
        await asking(b"half", end=False).body()


async def test_bodies_under_way_share_a_bounded_room_and_leave_it_again():
    room = Room(100)
    first, second = asking(b"x" * 60, room=room), asking(b"x" * 60, room=room)
    await first.body()
    with pytest.raises(Unavailable, match="under way"):
        await second.body()
    first.let_go()
    second.let_go()
    assert await asking(b"x" * 100, room=room).body()


async def test_json_of_another_media_type_is_refused():
    with pytest.raises(WrongMedia):
        await asking(b"{}", content_type="text/plain").json()


async def test_json_is_read_whatever_parameters_its_media_type_has():
    assert await asking(b"[1]", content_type="Application/JSON; charset=utf-8").json() == [1]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b"NaN",
        b'{"a": Infinity}',
        b"-Infinity",
        b'"\xff"',
        b'"\\ud800"',
        b'{"\\uDC00": 1}',
        b"{",
        b"",
        b"[1,]",
        b"[" * 100_000,
        b"1" * 5000,
        b"{} {}",
    ],
    ids=lambda body: body[:20],
)
def test_json_with_more_than_one_meaning_or_none_is_refused(body):
    with pytest.raises(Malformed):
        strict_json(body)


def test_a_whole_surrogate_pair_is_the_character_it_stands_for():
    assert strict_json(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


TEXT = st.text(st.characters(exclude_characters="\0"))


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=20))
def test_ordinary_json_reads_as_python_reads_it(value):
    try:
        body = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert strict_json(body) == value


async def test_a_raw_picture_is_the_file():
    assert (await asking(b"jpeg", content_type="image/jpeg").file()).content == b"jpeg"


async def test_a_file_of_another_media_type_is_refused():
    with pytest.raises(WrongMedia):
        await asking(b"{}", content_type="application/json").file()


async def test_files_are_read_only_from_requests_that_passed_the_guard():
    with pytest.raises(TypeError):
        await file_of(Request({"type": "http", "headers": []}))


def test_a_form_gives_its_file_with_its_names_and_fields():
    body = part(b"jpeg") + part(b"hello", b'form-data; name="note"') + END
    file = split_form(body, BOUNDARY)
    assert (file.content, file.name, file.part) == (b"jpeg", "a.jpg", "file")
    assert file.fields == {"note": "hello"}


@given(st.binary(max_size=500))
def test_whatever_a_file_holds_comes_out_of_the_form_unchanged(content):
    if b"\r\n--" + BOUNDARY in b"\r\n" + content:
        return
    assert split_form(part(content) + END, BOUNDARY).content == content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        END,
        part(b"jpeg"),
        part(b"jpeg")[:-4],
        part(b"a") + part(b"b") + END,
        part(b"a", b'form-data; name="x"') + END,
        part(b"a") + 2 * part(b"b", b'form-data; name="x"') + END,
        part(b"a") + part(b"\xff", b'form-data; name="x"') + END,
        20 * part(b"a", b'form-data; name="x"') + END,
        b"no form at all",
        b"--" + BOUNDARY + b"\r\n" + b"x: y\r\n" * 5000,
    ],
    ids=[
        "empty",
        "no part",
        "no end",
        "cut off in a file",
        "two files",
        "no file",
        "a field twice",
        "a field not in UTF-8",
        "too many parts",
        "not a form",
        "too many headers",
    ],
)
def test_a_form_that_is_not_one_file_is_refused(body):
    with pytest.raises(Malformed):
        split_form(body, BOUNDARY)


async def test_a_form_without_a_boundary_is_refused():
    with pytest.raises(Malformed):
        await asking(part(b"a") + END, content_type="multipart/form-data").file()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (r'"\u0000"', ("body",)),
        (r'["\\", "\\\u0000"]', ("body",)),
        (r'{"x": 1, "a": [{"b\u0000": 1}]}', ("body", "a")),
        (r'{"a\u0000": 1}', ("body", "a")),
    ],
)
def test_a_nul_is_refused_wherever_it_stands_and_the_field_named(text, place):
    with pytest.raises(RequestValidationError) as refused:
        strict_json(text.encode())
    assert [one["loc"] for one in refused.value.errors()] == [place]


@pytest.mark.parametrize("text", [r'"\\u0000"', r'{"%00": "\u0001"}'])
def test_what_only_looks_like_a_nul_is_taken(text):
    assert strict_json(text.encode()) == json.loads(text)
