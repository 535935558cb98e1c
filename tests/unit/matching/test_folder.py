"""What is on the disk: damage, crashes, the writer and its readers."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from codes import brute_force, filled, found, numbers, random_codes
from tocsin.errors import Damaged, Unavailable
from tocsin.matching.header import HEADER_BYTES, decode
from tocsin.matching.index import Index
from tocsin.matching.manifest import Entry, Manifest

CODES = random_codes(6000)


def reopened(folder):
    return Index.open(folder, radius=31, writer=True)


def refilled(index):
    """What the owner does after damage: all of the database again, from revision 0."""
    index.apply(revision=1, keys=np.arange(6000), codes=CODES, removed=numbers())
    return found(index, CODES[:20], 31) == brute_force(CODES, range(6000), CODES[:20], 31)


def the_segment(folder):
    (path,) = folder.glob("*.segment")
    return path


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)


def test_a_restart_gives_the_same_answers(tmp_path):
    first = filled(tmp_path, CODES)
    expected = found(first, CODES[::100], 31)
    first.close()
    again = reopened(tmp_path)
    assert (again.revision, again.persisted_revision, again.damage) == (1, 1, ())
    assert found(again, CODES[::100], 31) == expected


def test_what_was_not_merged_is_applied_again_from_the_persisted_revision(tmp_path):
    first = filled(tmp_path, CODES[:5000])
    first.apply(revision=5, keys=np.arange(5000, 6000), codes=CODES[5000:], removed=numbers(1))
    first.close()
    again = reopened(tmp_path)
    assert (again.revision, len(again)) == (1, 5000)
    again.apply(revision=5, keys=np.arange(4990, 6000), codes=CODES[4990:], removed=numbers(1))
    assert len(again) == 5999


def test_dead_rows_stay_dead_after_a_restart(tmp_path):
    first = filled(tmp_path, CODES)
    first.apply(revision=2, keys=numbers(), codes=CODES[:0], removed=numbers(7, 8, 5999))
    first.merge()
    first.close()
    again = reopened(tmp_path)
    assert (len(again), again.stats().tombstones) == (5997, 3)
    assert found(again, CODES[6:9], 0) == [(0, 0, 6)]


def sections():
    """Every section of a segment of 6000 rows, and its header."""
    names = ["codes", "keys"]
    names += [f"{part} {i}" for i in range(16) for part in ("offsets", "neighbours", "links")]
    return names


@pytest.mark.parametrize("name", sections())
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_a_flipped_bit_in_any_section_is_noticed(tmp_path, name, place):
    filled(tmp_path, CODES).close()
    path = the_segment(tmp_path)
    header, _ = decode(path.read_bytes()[:HEADER_BYTES])
    section = next(each for each in header.sections if each.name == name)
    flip(path, section.offset + int(place * (section.length - 1)))
    index = reopened(tmp_path)
    assert f"the section “{name}” does not match" in index.damage[0]
    assert (index.revision, len(index)) == (0, 0)


@pytest.mark.parametrize("offset", [0, 8, 12, 16, 24, 32, 40, 48, 64, 100, 2000, 4090])
def test_a_flipped_bit_in_the_header_is_noticed(tmp_path, offset):
    filled(tmp_path, CODES).close()
    flip(the_segment(tmp_path), offset)
    index = reopened(tmp_path)
    assert index.damage
    assert refilled(index)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_a_segment_cut_short_is_noticed(tmp_path, share):
    filled(tmp_path, CODES).close()
    path = the_segment(tmp_path)
    os.truncate(path, int(share * path.stat().st_size))
    index = reopened(tmp_path)
    assert index.damage
    assert refilled(index)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_manifest_cut_short_or_changed_is_noticed(tmp_path, share):
    for harm in (lambda p, at: os.truncate(p, at), flip):
        folder = tmp_path / harm.__name__.strip("<>")
        filled(folder, CODES).close()
        manifest = folder / "manifest"
        harm(manifest, int(share * manifest.stat().st_size))
        index = reopened(folder)
        assert index.damage[0].startswith("manifest: ")
        assert refilled(index)


def test_a_missing_segment_is_noticed(tmp_path):
    filled(tmp_path, CODES).close()
    the_segment(tmp_path).unlink()
    assert reopened(tmp_path).damage == ("00000001.segment: the file is missing",)


def test_a_segment_of_another_index_is_noticed(tmp_path):
    filled(tmp_path / "other", random_codes(6000, seed=2)).close()
    filled(tmp_path / "mine", CODES).close()
    the_segment(tmp_path / "other").replace(the_segment(tmp_path / "mine"))
    assert "not the one that the manifest names" in reopened(tmp_path / "mine").damage[0]


def test_what_is_damaged_is_set_aside_once(tmp_path):
    filled(tmp_path, CODES).close()
    flip(the_segment(tmp_path), 5000)
    reopened(tmp_path).close()
    index = reopened(tmp_path)
    assert index.damage == ()
    assert refilled(index)
    assert {path.name for path in tmp_path.iterdir()} == {
        "00000001.segment.damaged",
        "manifest.damaged",
        "writer.lock",
    }


def test_a_merge_after_damage_takes_a_new_file_name(tmp_path):
    filled(tmp_path, CODES).close()
    flip(the_segment(tmp_path), 5000)
    index = reopened(tmp_path)
    assert refilled(index)
    index.merge()
    assert the_segment(tmp_path).name == "00000002.segment"


def test_a_reader_reports_damage_and_leaves_the_files_alone(tmp_path):
    filled(tmp_path, CODES).close()
    flip(the_segment(tmp_path), 5000)
    before = sorted(path.name for path in tmp_path.iterdir())
    reader = Index.open(tmp_path, radius=31, writer=False)
    assert reader.damage
    assert refilled(reader)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_what_a_crash_left_over_is_removed_and_strange_files_are_not(tmp_path):
    filled(tmp_path, CODES).close()
    for name in ("00000009.segment", "00000010.segment.unfinished", "notes.segment", "notes"):
        (tmp_path / name).write_bytes(b"left over")
    reopened(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "00000001.segment",
        "manifest",
        "notes",
        "notes.segment",
        "writer.lock",
    }


def test_only_one_writes_and_the_next_one_reads(tmp_path):
    writer = filled(tmp_path, CODES)
    second = Index.open(tmp_path, radius=31, writer=True)
    assert (writer.writer, second.writer) == (True, False)
    assert (second.needs_merge, second.merge()) == (False, False)
    writer.close()
    assert Index.open(tmp_path, radius=31, writer=True).writer


def test_a_reader_takes_over_what_the_writer_merged(tmp_path):
    writer = filled(tmp_path, CODES[:5000])
    reader = Index.open(tmp_path, radius=31, writer=False)
    for index in (writer, reader):
        index.apply(revision=2, keys=np.arange(5000, 6000), codes=CODES[5000:], removed=numbers(3))
    writer.merge()
    reader.refresh()
    assert (reader.stats().tail, reader.persisted_revision) == (0, 2)
    assert found(reader, CODES[:20], 31) == found(writer, CODES[:20], 31)


def test_a_reader_that_is_ahead_keeps_what_is_newer(tmp_path):
    writer = filled(tmp_path, CODES[:5000])
    reader = Index.open(tmp_path, radius=31, writer=False)
    reader.apply(revision=3, keys=numbers(5500), codes=CODES[5500:5501], removed=numbers(3))
    writer.apply(revision=2, keys=numbers(5400), codes=CODES[5400:5401], removed=numbers())
    writer.merge()
    reader.refresh()
    assert reader.revision == 3
    assert found(reader, CODES[[3, 5400, 5500]], 0) == [(1, 0, 5400), (2, 0, 5500)]


def test_a_key_that_left_and_returned_is_kept_when_the_merge_fell_in_between(tmp_path):
    writer = filled(tmp_path, CODES[:5000])
    reader = Index.open(tmp_path, radius=31, writer=False)
    writer.apply(revision=2, keys=numbers(), codes=CODES[:0], removed=numbers(7))
    writer.merge()
    # The reader looks at the database only after the key is back.
    reader.apply(revision=3, keys=numbers(7), codes=CODES[7:8], removed=numbers())
    reader.refresh()
    assert found(reader, CODES[7:8], 0) == [(0, 0, 7)]


READER = """
import sys
import numpy as np
from pathlib import Path
from tocsin.matching.index import Index

index = Index.open(Path(sys.argv[1]), radius=31, writer=True)
print(index.writer, flush=True)
for _ in sys.stdin:
    index.refresh()
    code = np.random.default_rng(1).integers(0, 256, (6000, 32), dtype=np.uint8)[5500:5501]
    print(len(index), index.search(code, radius=0).key.tolist(), flush=True)
"""


def test_another_process_reads_what_this_one_writes(tmp_path):
    writer = filled(tmp_path, CODES[:5000])
    with subprocess.Popen(
        [sys.executable, "-c", READER, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "False\n"
        writer.apply(revision=2, keys=np.arange(5000, 6000), codes=CODES[5000:], removed=numbers(3))
        writer.merge()
        process.stdin.write("look\n")
        process.stdin.flush()
        assert process.stdout.readline() == "5999 [5500]\n"
        process.stdin.close()


def test_a_reader_keeps_answering_from_files_that_are_gone(tmp_path):
    writer = filled(tmp_path, CODES[:4000])
    reader = Index.open(tmp_path, radius=31, writer=False)
    writer.apply(revision=2, keys=np.arange(4000, 6000), codes=CODES[4000:], removed=numbers())
    writer.merge()
    assert not (tmp_path / "00000001.segment").exists()
    assert found(reader, CODES[:3], 0) == [(0, 0, 0), (1, 0, 1), (2, 0, 2)]


def test_a_reader_waits_for_a_manifest_whose_files_are_there(tmp_path, monkeypatch):
    """A merge may take files away between a reader's look at the manifest and at the files."""
    filled(tmp_path, CODES)
    stale = Manifest(1, (Entry(99, 1, 1),)).encode()
    real, answers = Path.read_bytes, [stale, b"by now it is another one"]
    monkeypatch.setattr(Path, "read_bytes", lambda path: answers.pop(0) if answers else real(path))
    reader = Index.open(tmp_path, radius=31, writer=False)
    assert (reader.damage, len(reader)) == ((), 6000)


def test_a_reader_may_come_before_the_writer(tmp_path):
    reader = Index.open(tmp_path / "index", radius=31, writer=False)
    filled(tmp_path / "index", CODES)
    reader.refresh()
    assert len(reader) == 6000


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        Index.open(tmp_path / "file" / "index", radius=31, writer=True)


def test_a_merge_that_finds_the_disk_full_changes_nothing(tmp_path, monkeypatch):
    index = filled(tmp_path, CODES[:5000])
    index.apply(revision=2, keys=np.arange(5000, 6000), codes=CODES[5000:], removed=numbers())

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable):
        index.merge()
    monkeypatch.undo()
    assert (len(index), index.persisted_revision) == (6000, 1)
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["00000001.segment", "writer.lock"]
    assert index.merge()
    assert found(index, CODES[:20], 31) == brute_force(CODES, range(6000), CODES[:20], 31)


def test_a_link_out_of_the_file_is_damage_even_behind_good_checksums(tmp_path):
    """Nothing is answered from a file that some other program has written wrongly."""
    index = filled(tmp_path, CODES)
    (segment,) = index._state.segments
    plan = segment._plans.setdefault(31, segment._planned(31))
    rows = np.full(6000, 9999, np.uint32)
    plan.lines[3::4, 4] = rows.ctypes.data
    with pytest.raises(Damaged):
        found(index, CODES[:100], 31)


class Killed(BaseException):
    """The end of a process, as far as one process can play it."""


def killed_at(monkeypatch, step):
    """From the given call on, nothing reaches the disk any more. Returns the calls made so far."""
    calls = []

    def fatal(owner, name):
        real = getattr(owner, name)

        def call(*args, **kwargs):
            calls.append(name)
            if len(calls) > step:
                raise Killed
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "open")):
        fatal(owner, name)
    return calls


def test_a_kill_between_any_two_steps_of_a_merge_loses_and_doubles_nothing(tmp_path, monkeypatch):
    step, complete = 0, False
    while not complete:
        folder = tmp_path / str(step)
        index = filled(folder, CODES[:4000])
        index.apply(revision=2, keys=np.arange(4000, 6000), codes=CODES[4000:], removed=numbers(3))
        with monkeypatch.context() as patched, suppress(Killed):
            killed_at(patched, step)
            complete = index.merge()
        index.close()
        again = reopened(folder)
        assert again.damage == ()
        assert again.revision in ((2,) if complete else (1, 2))
        again.apply(revision=2, keys=np.arange(4000, 6000), codes=CODES[4000:], removed=numbers(3))
        assert (len(again), found(again, CODES[2:5], 0)) == (5999, [(0, 0, 2), (2, 0, 4)])
        assert len(list(folder.glob("*.segment"))) == again.stats().segments
        assert not list(folder.glob("*.unfinished"))
        step += 1
    assert step > 8


KILLED = """
import sys
import numpy as np
from pathlib import Path
from tocsin.matching.index import Index

index = Index.open(Path(sys.argv[1]), radius=31, writer=True)
assert index.damage == (), index.damage
step, known = index.revision, index.revision * 50
while True:
    step += 1
    keys = np.arange(step * 50, step * 50 + 50)
    codes = np.random.default_rng(step).integers(0, 256, (50, 32), dtype=np.uint8)
    removed = keys[:5] - 50 if step > 1 else keys[:0]
    index.apply(revision=step, keys=keys, codes=codes, removed=removed)
    index.merge()
    print(index.persisted_revision, flush=True)
"""


def codes_of(step):
    return np.random.default_rng(step).integers(0, 256, (50, 32), dtype=np.uint8)


def expected_after(steps):
    """The living keys and their codes after so many steps of the killed program."""
    keys = [
        np.arange(step * 50 + (5 if step < steps else 0), step * 50 + 50)
        for step in range(1, steps + 1)
    ]
    codes = [codes_of(step)[5 if step < steps else 0 :] for step in range(1, steps + 1)]
    return np.concatenate([numbers(), *keys]), np.concatenate([CODES[:0], *codes])


def kill_again_and_again(folder, times):
    """Nothing acknowledged as persisted is lost, nothing is doubled, whenever the end comes."""
    rng = np.random.default_rng()
    for _ in range(times):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, folder], stdout=subprocess.PIPE, text=True
        ) as process:
            acknowledged = int(process.stdout.readline())
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *map(int, process.stdout.read().split("\n")[:-1])])
        index = Index.open(folder, radius=31, writer=True)
        assert index.damage == ()
        assert index.revision >= acknowledged
        keys, codes = expected_after(index.revision)
        assert len(index) == len(keys)
        queries = codes[:: max(1, len(codes) // 50)]
        assert found(index, queries, 0) == brute_force(codes, keys, queries, 0)
        index.close()


def test_a_kill_at_any_moment_loses_and_doubles_nothing(tmp_path):
    kill_again_and_again(tmp_path, 8)


@pytest.mark.slow
def test_two_hundred_kills_lose_and_double_nothing(tmp_path):
    kill_again_and_again(tmp_path, 200)
