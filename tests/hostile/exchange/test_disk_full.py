"""A full disk fails appends, loses nothing, leaves the log readable, and is recovered from."""

import os
import shutil
import subprocess

import pytest

from logs import WatchedLog, an_entry
from tocsin.exchange.errors import Unavailable, Uncertain
from tocsin.exchange.fsck import check_published


def test_files_that_may_not_grow_fail_the_batches_that_need_it(appenders, copied, survives):
    folder = copied()
    appenders.start(folder, [1, 1, 2000, 1, 3000, 1], file_bytes=40_000)
    assert appenders.end() == 0
    entries = survives(folder)
    assert len(entries) == 254 + 4
    assert len((folder / "acknowledged").read_text().splitlines()) == 4


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with 2 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=False)
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_disk_that_fills_up_stops_appends_and_nothing_else(small_disk):
    watched = WatchedLog(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_000_000))
    log = watched.open()
    errors = []
    for number in range(4000):
        waiting = log.append(*(an_entry(10 * number + n) * 20 for n in range(10)))
        error = waiting.exception(60)
        if error is not None:
            errors.append(error)
        else:
            index = waiting.result(0)
            watched.acknowledged |= {index + n: an_entry(10 * number + n) * 20 for n in range(10)}
        if len(errors) > 20:
            break
    # 1. Appends failed, with errors that say what is known. 2. What is published still verifies.
    assert {type(one) for one in errors} <= {Unavailable, Uncertain}
    assert check_published(watched.storage, [watched.key.verifier]).clean
    # 3. With room again the log takes entries without being opened anew.
    filler.unlink()
    for number in range(5):
        watched.append(log, b"after %d" % number)
    log.close()
    watched.check()
    watched.close()
    shutil.rmtree(small_disk / "log")
