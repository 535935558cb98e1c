"""Follows one exchange: finds what is new, verifies it, has it applied.

Facts about the log freeze the exchange: a fork, a rollback, a checkpoint that does not verify,
tiles that do not add up to it. Nothing new of it is applied then until a person says so, and its
lists go on as they are. A rollback, which may be a cache that lags behind, also ends when all that
was accepted is shown again. Facts about one entry concern that entry alone.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime

from tocsin.errors import Conflict, TocsinError, Unavailable
from tocsin.exchange.checkpoint import Checkpoint, SignedCheckpoint
from tocsin.exchange.errors import Damaged, ExchangeError, Malformed, Unverified
from tocsin.exchange.note import Note
from tocsin.exchange.reading import (
    Advanced,
    Forked,
    Outcome,
    Reader,
    RolledBack,
    Unchanged,
    Unproven,
)
from tocsin.exchange.tiles import WIDTH
from tocsin.exchange.tree import Tree
from tocsin.recording.store import Store
from tocsin.sharing.answers import Ring
from tocsin.sharing.catching import catch_up
from tocsin.sharing.checkers import Checkers
from tocsin.sharing.effects import Joined
from tocsin.sharing.keeping import ROLLED_BACK, Advance, Exhibit, Keeper
from tocsin.sharing.ledger import Page
from tocsin.sharing.place import Place
from tocsin.sharing.replaying import MAX_AHEAD, Checked, joined
from tocsin.sharing.verifying import check
from tocsin.sharing.view import View, edge_of

PAGES_TOGETHER = 2
"""Pages of a catch-up in one transaction: hashes lie all over the database's index of signals, so
the fewer transactions, the fewer times each of its leaves is written."""

NO_QUORUM = "none"
"""What a policy says that asks for no witnesses."""

Progress = Callable[[int, int], None]
"""Told how many entries are applied, of how many."""


def _silent(done: int, total: int) -> None:
    pass


class Frozen(Conflict):
    """The exchange contradicted itself; nothing new of it is applied."""

    advice = "Look at the evidence with `tocsin status`; then `tocsin follow --resume` or leave it."


class Follower:
    """Brings one exchange up to date. Owned by one thread.

    `catch_up` and `ring` raise Frozen where the exchange is frozen by what they found, Conflict
    where another process moved the position, and Unavailable; after any error the next call starts
    from what is stored.
    """

    def __init__(
        self,
        store: Store,
        keeper: Keeper,
        place: Place,
        exchange_id: int,
        clock: Callable[[], datetime],
        checkers: Callable[[], Checkers],
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._place = place
        self._id = exchange_id
        self._clock = clock
        self._checkers = checkers
        self._view: View | None = None

    @property
    def size(self) -> int:
        """How many entries are applied."""
        return self._loaded().size

    def catch_up(self, progress: Progress = _silent) -> None:
        """Fetch the newest checkpoint, and apply everything up to it."""
        view = self._loaded(even_smaller=True)
        reader = Reader(self._place, view.followed.log)
        with ExitStack() as undo:
            undo.callback(self.reload)
            outcome = reader.latest(view.note)
            if view.smaller is not None and not isinstance(outcome, RolledBack):
                outcome = self._thawed(view, view.smaller, outcome, reader)
            self._take(view, outcome, progress)
            undo.pop_all()
        self._read_early()
        self._go_on(progress)

    def ring(self, ring: Ring) -> None:
        """Apply what a ring brings; an old or repeated one changes nothing."""
        view = self._loaded()
        with ExitStack() as undo:
            undo.callback(self.reload)
            self._ring(view, ring)
            undo.pop_all()
        self._go_on(_silent)

    def witnessed(self) -> bool:
        """Compare what the witnesses signed with what we follow; say whether they are enough.

        They are not on the way of an urgent signal; a split view shows here. Raises Frozen.
        """
        view = self._loaded()
        if view.followed.quorum.quorum == NO_QUORUM or view.note is None:
            return False
        try:
            note = self._place.cosigned()
            view.followed.quorum.open(note)
            outcome = Reader(self._place, view.followed.log).compare(view.note, note)
        except (TocsinError, ExchangeError):
            # Not there, not enough, not readable: all of it means that no quorum was seen.
            return False
        if isinstance(outcome, Forked):
            raise self._freeze(view, outcome)
        return True

    def settle(self) -> None:
        """Have finished what the entries applied so far began. Raises Unavailable."""
        self._keeper.settle()

    def reload(self) -> None:
        """Start from what is stored, next time."""
        self._view = None

    def _read_early(self) -> None:
        """Begin a replay where our clock has come to what it took for the future."""
        view = self._view
        if view is None or view.early_until is None:
            return
        if view.early_until <= self._clock() + MAX_AHEAD:
            self._keeper.restart(view.followed, "what came early may count now", actor="node")
            self._view = None

    def _go_on(self, progress: Progress) -> None:
        """Read the log again at once, where what was applied made that necessary."""
        if self._view is None:
            self.catch_up(progress)

    def _ring(self, view: View, ring: Ring) -> None:
        try:
            signed = view.followed.log.open(ring.checkpoint)
        except (Malformed, Unverified) as error:
            raise self._freeze(view, Unproven(ring.checkpoint, str(error))) from error
        head = signed.checkpoint
        if head.size < max(view.size, _size(view.note)):
            return  # Late: neither news nor a reason to forget a larger one that was accepted.
        edge = view.grown(ring.leaves, head) if ring.old == view.size else None
        if edge is None:
            reader = Reader(self._place, view.followed.log)
            self._take(view, reader.compare(view.note, ring.checkpoint), _silent)
            return
        contents = self._contents(ring, view.size)
        batch = view.batch(ring.leaves, contents)
        checked = Checked(view.size, ring.leaves, contents, check(batch))
        page = view.page(checked, self._clock())
        self._apply(view, page, signed)
        view.edge = edge
        self._consider(view, page)

    def _contents(self, ring: Ring, start: int) -> Sequence[bytes]:
        """Return the contents of a ring; those that it leaves out are asked for."""
        if all(ring.contents) and len(ring.contents) == len(ring.leaves):
            return ring.contents
        contents: list[bytes] = []
        for number in range(start // WIDTH, -(-ring.size // WIDTH)):
            width = min(ring.size - number * WIDTH, WIDTH)
            contents += self._place.payloads(number, width)[max(start - number * WIDTH, 0) :]
        return contents

    def _take(self, view: View, outcome: Outcome, progress: Progress) -> None:
        match outcome:
            case Unproven(note, reason) if not _is_note(note):
                # Some proxy's page says nothing of the log, and is gone again by itself.
                raise Unavailable(f"what it shows is no checkpoint: {reason}")
            case Forked() | RolledBack() | Unproven():
                raise self._freeze(view, outcome)
            case Advanced(signed, tree):
                self._accept(view, signed)
            case _:
                signed = outcome.signed
                if view.edge is not None and view.size == signed.checkpoint.size:
                    return
                tree = Tree(self._place, signed.checkpoint)
        try:
            self._apply_tree(view, tree, progress)
        except Damaged as error:
            exhibit = Exhibit("damaged", str(error), {"shown.note": signed.note})
            raise self._frozen(view, exhibit) from error

    def _apply_tree(self, view: View, tree: Tree, progress: Progress) -> None:
        # Closed here: one that is broken off would keep its threads until somebody finds it dead.
        with (
            self._checkers() as checkers,
            closing(catch_up(self._place, view, tree, checkers)) as pages,
        ):
            finish = _nothing
            try:
                for checked in joined(pages, PAGES_TOGETHER):
                    # While the last page is written, this one is judged.
                    page = view.page(checked, self._clock())
                    finish()
                    finish = self._keeper.begin(view.followed, page)
                    progress(view.size, tree.size)
                    if self._begins_anew(view, page, finish):
                        return
            finally:
                # What was begun is finished whatever comes between, or an erasure would stay open.
                finish()
        view.edge = edge_of(tree, view.size)

    def _begins_anew(self, view: View, page: Page, finish: Callable[[], None]) -> bool:
        """Whether a replay begins after this page, which is then finished."""
        if not _rejoins(page):
            return False
        finish()
        return self._consider(view, page)

    def _apply(self, view: View, page: Page, signed: SignedCheckpoint | None) -> None:
        """Have a page written. A checkpoint that only this page reaches goes with it."""
        advance = None
        if signed is not None:
            advance = Advance(view.note, signed.note, signed.checkpoint.size)
        self._keeper.apply(view.followed, page, advance)
        if signed is not None:
            self._accepted(view, signed, page.chunk.start)

    def _accept(self, view: View, signed: SignedCheckpoint) -> None:
        advance = Advance(view.note, signed.note, signed.checkpoint.size)
        self._keeper.accept(view.followed, advance)
        self._accepted(view, signed, view.size)

    def _accepted(self, view: View, signed: SignedCheckpoint, size: int) -> None:
        view.note = signed.note
        if not size:
            view.covered = max(view.covered, signed.checkpoint.size)

    def _consider(self, view: View, page: Page) -> bool:
        """Begin a replay where we read more of the past now than when it was applied."""
        late = [one.audience for one in _rejoins(page) if one.entry >= view.covered]
        if late:
            self._keeper.restart(view.followed, f"joined {', '.join(late)}", actor="node")
            self._view = None
            return True
        return False

    def _freeze(self, view: View, outcome: Forked | RolledBack | Unproven) -> Frozen:
        match outcome:
            case Forked(evidence):
                files = evidence.files()
                exhibit = Exhibit("forked", "it signed two histories", files)
            case RolledBack(seen, shown):
                files = {"seen.note": seen.note, "shown.note": shown.note}
                sizes = f"{shown.checkpoint.size} after {seen.checkpoint.size} entries"
                exhibit = Exhibit(ROLLED_BACK, f"it showed a smaller log: {sizes}", files)
            case Unproven(note, reason):
                exhibit = Exhibit(
                    "unproven", f"its checkpoint does not stand: {reason}", {"shown.note": note}
                )
        return self._frozen(view, exhibit)

    def _frozen(self, view: View, exhibit: Exhibit) -> Frozen:
        self._keeper.freeze(view.followed, exhibit)
        return Frozen(f"{view.followed.name} is frozen: {exhibit.reason}")

    def _thawed(self, view: View, smaller: bytes, outcome: Outcome, reader: Reader) -> Outcome:
        """Let what a rollback froze go on: what was accepted is there again, or there is worse.

        The smaller log must have been a part of what is shown now, or it was another history.
        """
        if isinstance(outcome, Advanced | Unchanged):
            before = reader.compare(smaller, outcome.signed.note)
            outcome = before if isinstance(before, Forked) else outcome
        self._keeper.thaw(view.followed, actor="node")
        view.frozen, view.smaller = "", None
        return outcome

    def _loaded(self, *, even_smaller: bool = False) -> View:
        """The view; raises Frozen where the exchange is, unless by a rollback, if so asked."""
        if self._view is None:
            view = View.load(self._store, self._id)
            if view.frozen and not (even_smaller and view.smaller):
                raise Frozen(f"{view.followed.name} is frozen: {view.frozen}")
            self._view = view
        return self._view


def _nothing() -> None:
    pass


def _rejoins(page: Page) -> list[Joined]:
    return [one for one in page.chunk.effects if isinstance(one, Joined)]


def _is_note(shown: bytes) -> bool:
    try:
        Note.parse(shown)
    except Malformed:
        return False
    return True


def _size(accepted: bytes | None) -> int:
    """Return the size of a checkpoint that was verified when it was accepted."""
    return 0 if accepted is None else Checkpoint.parse(Note.parse(accepted).text).size
