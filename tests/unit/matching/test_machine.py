"""An index beside a plain set, through whatever sequence of events hypothesis thinks of."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from codes import altered, brute_force, clustered, found, random_codes
from tocsin.matching.index import Index

POOL = np.concatenate([random_codes(6000), clustered(6000)])
"""The code of each key; large enough that some segments get tables."""

QUERIES = np.array([altered(POOL[i], d, i) for i, d in ((1, 0), (2, 31), (6000, 20), (9000, 33))])


class Machine(RuleBasedStateMachine):
    """`history` is the database: what each revision did. The index must always agree with it."""

    @initialize(radius=st.sampled_from([31, 64]))
    def begin(self, radius):
        self.folder, self.radius = Path(tempfile.mkdtemp()), radius
        self.history, self.alive = [], set()
        self.writer = self._opened(writer=True)
        self.reader = self._opened(writer=False)

    def teardown(self):
        self.writer.close()
        shutil.rmtree(self.folder)

    def _opened(self, *, writer):
        return Index.open(self.folder, radius=self.radius, writer=writer)

    def _catch_up(self, index):
        """What an owner does: the present state of all that changed since, in one change."""
        changed = sorted({key for at, keys in self.history if at > index.revision for key in keys})
        here = np.array([key for key in changed if key in self.alive], np.int64)
        gone = np.array([key for key in changed if key not in self.alive], np.int64)
        revision = self.history[-1][0] if self.history else 0
        index.apply(revision=revision, keys=here, codes=POOL[here], removed=gone)

    def _change(self, keys, add):
        self.history.append((len(self.history) + 1, keys))
        self.alive = self.alive | set(keys) if add else self.alive - set(keys)

    @rule(first=st.integers(0, 11_999), count=st.sampled_from([1, 3, 500, 6000]), add=st.booleans())
    def change_some(self, first, count, add):
        self._change(range(first, min(first + count, 12_000)), add)

    @rule(key=st.integers(0, 11_999), add=st.booleans())
    def change_one(self, key, add):
        self._change([key], add)
        self._catch_up(self.writer)

    @rule()
    def merge(self):
        self.writer.merge()

    @rule()
    def refresh(self):
        self.reader.refresh()

    @rule(crash=st.booleans())
    def restart(self, crash):
        if not crash:
            self.writer.merge()
        self.writer.close()
        self.writer = self._opened(writer=True)
        assert self.writer.damage == ()
        assert self.writer.revision == self.writer.persisted_revision

    @rule(which=st.integers(0, 9), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def damage(self, which, place, bit):
        files = sorted(self.folder.glob("*.segment")) + sorted(self.folder.glob("manifest"))
        if not files:
            return
        path = files[which % len(files)]
        data = bytearray(path.read_bytes())
        data[int(place * len(data))] ^= 1 << bit
        self.writer.close()
        path.unlink()  # a new file: readers have the old one mapped
        path.write_bytes(data)
        self.writer = self._opened(writer=True)
        assert self.writer.damage
        assert (len(self.writer), self.writer.revision) == (0, 0)

    @invariant()
    def both_agree_with_the_database(self):
        keys = np.array(sorted(self.alive), np.int64)
        expected = brute_force(POOL[keys], keys, QUERIES, self.radius)
        for index in (self.writer, self.reader):
            self._catch_up(index)
            assert len(index) == len(keys)
            assert found(index, QUERIES, self.radius) == expected


Machine.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestMachine = Machine.TestCase
