"""What is handed in becomes an upload, or a reason; nothing blocks, nothing is passed over."""

import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import SHA256
from servers import answer, raw
from tocsin.errors import InvalidInput, UnsafeAddress
from tocsin.intake import (
    MAX_LINK_CHARS,
    MAX_NAME_CHARS,
    fetch,
    fresh_id,
    from_bytes,
    from_hashes,
    from_link,
    read_file,
    walk,
)
from tocsin.model import Obstacle, Undecodable, Upload, UploadKind
from tocsin.safehttp import SafeClient

LIMIT = 1000


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"content")
    return path


def obstacle(path, limit_bytes=LIMIT):
    outcome = read_file(path, limit_bytes=limit_bytes)
    assert isinstance(outcome, Undecodable)
    return outcome.obstacle


def as_ordinary_user(path):
    """Read a file in a process that is not root and so may not do everything."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(65534)
        os.write(writing, repr(read_file(path, limit_bytes=LIMIT)).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        return answer.read()


def test_a_file_is_read_whole_and_named_by_its_path(file):
    upload = read_file(file, limit_bytes=LIMIT)
    assert isinstance(upload, Upload)
    assert (upload.kind, upload.content, upload.name) == (UploadKind.FILE, b"content", str(file))


def test_the_caller_may_hand_in_the_id_and_the_territory(file):
    upload = read_file(file, limit_bytes=LIMIT, territory="de", id="given")
    assert isinstance(upload, Upload)
    assert (upload.id, upload.territory) == ("given", "DE")


def test_a_file_of_just_the_limit_is_read_and_one_byte_more_is_too_large(file):
    assert isinstance(read_file(file, limit_bytes=7), Upload)
    assert obstacle(file, limit_bytes=6) is Obstacle.TOO_LARGE


def test_a_file_of_two_gigabytes_is_refused_by_its_size_alone(tmp_path):
    path = tmp_path / "large.mp4"
    with path.open("wb") as file:
        file.truncate(2 * 2**30)
    assert obstacle(path, limit_bytes=100 * 2**20) is Obstacle.TOO_LARGE


def test_an_empty_file_is_empty(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert obstacle(tmp_path / "empty.jpg") is Obstacle.EMPTY


def test_a_symbolic_link_is_not_followed(tmp_path, file):
    link = tmp_path / "link.jpg"
    link.symlink_to(file)
    outcome = read_file(link, limit_bytes=LIMIT)
    assert isinstance(outcome, Undecodable)
    assert "symbolic link" in outcome.detail


@pytest.mark.parametrize("missing", ["absent.jpg", "photo.jpg/inside", "nul\0byte", "x" * 5000])
def test_a_path_that_leads_nowhere_is_unreadable(tmp_path, file, missing):
    assert obstacle(tmp_path / missing) is Obstacle.UNREADABLE


def test_a_folder_is_not_a_file(tmp_path):
    assert obstacle(tmp_path) is Obstacle.UNREADABLE


def test_a_pipe_that_nobody_writes_to_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert obstacle(tmp_path / "pipe") is Obstacle.UNREADABLE


def test_a_socket_is_unreadable(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert obstacle(tmp_path / "socket") is Obstacle.UNREADABLE


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_not_a_file(device):
    assert obstacle(Path(device)) is Obstacle.UNREADABLE


def test_what_the_kernel_makes_up_has_no_size_and_is_empty():
    assert obstacle(Path("/proc/self/environ")) is Obstacle.EMPTY


def test_a_file_without_permission_is_unreadable():
    with tempfile.NamedTemporaryFile() as file:  # In /tmp: others may not enter pytest's folders.
        file.write(b"secret")
        file.flush()
        Path(file.name).chmod(0)
        assert "Permission denied" in as_ordinary_user(Path(file.name))


def test_a_folder_that_may_not_be_listed_is_unreadable():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0)
        assert "Permission denied" in as_ordinary_user(Path(folder))


@pytest.mark.parametrize("change", [b"content and more", b"cont", b""], ids=["grew", "cut", "gone"])
def test_a_file_that_changes_while_it_is_read_is_not_taken(file, monkeypatch, change):
    look, looks = os.fstat, []

    def meddling(descriptor):
        found = look(descriptor)
        if not looks:
            file.write_bytes(change)
            os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))  # Clocks of files are coarse.
        looks.append(found)
        return found

    monkeypatch.setattr(os, "fstat", meddling)
    outcome = read_file(file, limit_bytes=LIMIT)
    assert isinstance(outcome, Undecodable)
    assert "changed" in outcome.detail


def test_a_file_rewritten_with_the_same_size_is_not_taken(file, monkeypatch):
    look, looks = os.fstat, []

    def meddling(descriptor):
        if looks:
            os.utime(file, ns=(1, 1))
        looks.append(descriptor)
        return look(descriptor)

    monkeypatch.setattr(os, "fstat", meddling)
    assert obstacle(file) is Obstacle.UNREADABLE


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_stays_open(tmp_path, file):
    (tmp_path / "empty").touch()
    before = open_files()
    for path in (file, tmp_path / "empty", tmp_path, tmp_path / "absent"):
        read_file(path, limit_bytes=LIMIT)
    assert open_files() == before


def test_ids_cannot_be_guessed():
    ids = {fresh_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(bytes.fromhex(one)) for one in ids} == {16}


def test_each_upload_has_an_id_of_its_own():
    assert from_bytes(b"x").id != from_bytes(b"x").id


def test_a_link_is_kept_as_its_utf8(file):
    upload = from_link("https://example.com/ü", name="post 7")
    assert (upload.kind, upload.content) == (UploadKind.LINK, "https://example.com/ü".encode())
    assert upload.name == "post 7"


@pytest.mark.parametrize("link", ["", "x" * (MAX_LINK_CHARS + 1), "http://\ud800"])
def test_what_is_no_link_is_refused(link):
    with pytest.raises(InvalidInput):
        from_link(link)


def test_hashes_are_an_upload_without_content():
    upload = from_hashes([SHA256])
    assert (upload.kind, upload.content, upload.signals) == (UploadKind.HASHES, b"", (SHA256,))


def test_no_hashes_are_no_upload():
    with pytest.raises(InvalidInput):
        from_hashes([])


@pytest.mark.parametrize("territory", ["D", "DEU", "D1", "d ", "ÄÖ", "DE\n", "*"])
def test_what_is_no_territory_is_refused(territory):
    with pytest.raises(InvalidInput, match="3166"):
        from_bytes(b"x", territory=territory)


@pytest.mark.parametrize(("given", "kept"), [("", ""), ("de", "DE"), ("FR", "FR")])
def test_territories_are_kept_in_capitals(given, kept):
    assert from_bytes(b"x", territory=given).territory == kept


def test_an_endless_name_is_refused():
    with pytest.raises(InvalidInput, match="name"):
        from_bytes(b"x", name="n" * (MAX_NAME_CHARS + 1))


def test_a_walk_gives_files_in_order_at_every_depth(tmp_path):
    for name in ("b/2.jpg", "b/10.jpg", "a.jpg", "c.jpg", "b/d/1.jpg", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in walk([tmp_path])]
    assert found == [".hidden", "a.jpg", "b/10.jpg", "b/2.jpg", "b/d/1.jpg", "c.jpg"]


def test_a_walk_keeps_the_order_of_what_was_named_and_passes_nothing_over(tmp_path, file):
    absent = tmp_path / "absent"
    assert list(walk([file, absent, file])) == [file, absent, file]


def test_a_walk_gives_links_without_following_them(tmp_path, file):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "loop").symlink_to(tmp_path)
    (tmp_path / "folder" / "link.jpg").symlink_to(file)
    found = list(walk([tmp_path / "folder"]))
    assert [path.name for path in found] == ["link.jpg", "loop"]
    assert {obstacle(path) for path in found} == {Obstacle.UNREADABLE}


@pytest.fixture
def deep():
    """Make folders so many levels deep, with a file in the last one."""
    folder = tempfile.mkdtemp()  # Not pytest's: it could not delete them, were this test killed.

    def make(levels):
        home = os.open(".", os.O_RDONLY)
        os.chdir(folder)
        for _ in range(levels):
            Path("d").mkdir()
            os.chdir("d")
        Path("file").write_bytes(b"content")
        os.fchdir(home)
        os.close(home)
        return Path(folder)

    yield make
    subprocess.run(["rm", "-rf", folder], check=True)


def test_a_walk_goes_deeper_than_calls_can(deep):
    (found,) = walk([deep(1500)])
    assert isinstance(read_file(found, limit_bytes=LIMIT), Upload)


def test_what_lies_deeper_than_a_path_can_be_long_is_not_passed_over(deep):
    (found,) = walk([deep(2500)])
    assert obstacle(found) is Obstacle.UNREADABLE


def test_an_empty_folder_has_no_files(tmp_path):
    assert list(walk([tmp_path])) == []


@given(content=st.binary(min_size=1, max_size=LIMIT))
def test_whatever_is_in_a_file_comes_out_of_it(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    upload = read_file(path, limit_bytes=LIMIT)
    assert isinstance(upload, Upload)
    assert upload.content == content


@pytest.fixture
def client():
    return SafeClient(local=True, any_port=True)


def test_a_fetched_file_is_named_by_its_address(server, client):
    url = server.url("/photo.jpg")
    upload = fetch(url, client, limit_bytes=LIMIT, territory="at")
    assert isinstance(upload, Upload)
    assert (upload.content, upload.name, upload.territory) == (b"content", url, "AT")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(404), Obstacle.UNREADABLE),
        (answer(206, b"part"), Obstacle.UNREADABLE),
        (answer(500), Obstacle.UNREADABLE),
        (answer(200), Obstacle.EMPTY),
        (answer(200, b"x" * (LIMIT + 1)), Obstacle.TOO_LARGE),
        (raw(b""), Obstacle.UNREADABLE),
    ],
    ids=["not found", "part", "broken", "empty", "too large", "nothing"],
)
def test_what_cannot_be_fetched_has_a_reason(server, client, reply, expected):
    server.reply = reply
    outcome = fetch(server.url(), client, limit_bytes=LIMIT)
    assert isinstance(outcome, Undecodable)
    assert outcome.obstacle is expected


def test_fetching_from_an_unsafe_address_is_refused(server):
    with pytest.raises(UnsafeAddress):
        fetch(server.url(), SafeClient(any_port=True), limit_bytes=LIMIT)
    assert server.asked == []
