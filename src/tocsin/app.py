"""The only place that builds things: settings in, a node out."""

import math
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.acting.base import Connector
from tocsin.acting.dryrun import DryRun
from tocsin.acting.planning import plan
from tocsin.acting.signing import parse_keys
from tocsin.acting.webhook import Webhook
from tocsin.closing import Closing
from tocsin.config import Settings
from tocsin.decoding.base import Limits
from tocsin.decoding.sandbox import Sandbox
from tocsin.dispatching import Dispatcher
from tocsin.entries.invitation import Invitation
from tocsin.entries.statements import View
from tocsin.errors import ConfigurationError
from tocsin.keys import Keys
from tocsin.lists.indices import Indices
from tocsin.lists.items import Items
from tocsin.lists.lookback import Lookback
from tocsin.lists.recognising import Recogniser
from tocsin.lists.retention import Retention
from tocsin.lists.rules import Rules
from tocsin.recording.history import History
from tocsin.recording.store import Store
from tocsin.safehttp import SafeClient
from tocsin.screening import Road
from tocsin.sharing.deciding import Decisions
from tocsin.sharing.entrusting import Entrusted, ExchangeRules
from tocsin.sharing.following import Following
from tocsin.sharing.preview import Previewer
from tocsin.sharing.remote import Remote
from tocsin.sharing.settings import Followed
from tocsin.trust.benign import BenignCorpus
from tocsin.trust.breaker import Breaker, Trip
from tocsin.trust.reviewing import Reviewer
from tocsin.trust.standing import Standing

WALLS = frozenset({"no_new_privs", "rlimits", "seccomp", "landlock"})
"""The walls that decoding needs unless the operator accepts a degraded sandbox."""


def now() -> datetime:
    """Return the time, aware UTC: the one clock of a node."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Node(Closing):
    """A running node: everything the faces need, and the order in which it ends."""

    settings: Settings
    store: Store
    rules: Rules
    items: Items
    indices: Indices
    recogniser: Recogniser
    decoder: Sandbox
    lookback: Lookback
    retention: Retention
    dispatcher: Dispatcher
    hashing: ThreadPoolExecutor
    fetcher: SafeClient
    keys: Keys
    history: History
    standing: Standing
    reviewer: Reviewer
    following: Following
    previewer: Previewer
    decisions: Decisions
    breaker: Breaker
    benign: BenignCorpus | None
    road: Road

    def start(self) -> None:
        """Start what runs in the background of a serving node."""
        self.lookback.start()
        self.retention.start()
        self.dispatcher.start()
        self.reviewer.start()
        self.following.start()

    def close(self) -> None:
        """End in the opposite order of building. May be called twice."""
        self.following.close()
        self.reviewer.close()
        self.dispatcher.close()
        self.retention.close()
        self.lookback.close()
        self.decoder.close()
        self.hashing.shutdown()
        self.indices.close()
        if self.benign is not None:
            self.benign.close()
        self.store.close()

    def problems(self) -> tuple[str, ...]:
        """Say what is wrong right now, in sentences; nothing when all is well."""
        walls = [
            f"the sandbox lacks {wall.name}: {wall.detail}"
            for wall in self.decoder.walls()
            if not wall.stands and wall.name in WALLS
        ]
        background = [
            f"{name}: {part.problem}"
            for name, part in (
                ("look-back", self.lookback),
                ("retention", self.retention),
                ("actions", self.dispatcher),
                ("review", self.reviewer),
                ("breaker", self.breaker),
            )
            if part.problem
        ]
        damage = [f"an index was rebuilt: {one}" for one in self.indices.damage]
        return (*walls, *background, *damage, *self.following.problems())


def build(settings: Settings, *, merge: bool = True) -> Node:
    """Build a node. `merge`: this process may write index files (one at a time can).

    Raises ConfigurationError, Unavailable.
    """
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(settings.store_url)
    rules = Rules(store, now)
    indices = Indices(store, rules, settings.data / "index", merge=merge)
    recogniser = Recogniser(store, indices, now)
    connectors = _connectors(settings)
    planned = partial(plan, connectors=[one.name for one in connectors])
    decoder = _sandbox(settings)
    hashing = ThreadPoolExecutor(settings.children, "hashing")
    dispatcher = Dispatcher(store, connectors, now)
    benign = _benign(settings)
    exchange_rules = ExchangeRules(store)
    standing = Standing(store, now, exchange_rules, benign=benign)
    trust = Entrusted(now, exchange_rules, standing, benign=benign)
    following = _following(settings, store, trust, indices.refresh)

    def tell_flood(trip: Trip) -> None:
        if trip.item_id is not None:
            following.reply(trip.item_id, View.FLOOD, reason=f"{trip.matches} matches")

    breaker = Breaker(standing.tripped, tell=[tell_flood])
    of_the_past = partial(Breaker, standing.tripped, tell=[tell_flood], grace_s=math.inf)
    lookback = Lookback(store, rules, now, planned, of_the_past)
    road = Road(
        store=store,
        decoder=decoder,
        recogniser=recogniser,
        lookback=lookback,
        dispatcher=dispatcher,
        breaker=breaker,
        connectors=[one.name for one in connectors],
        beside=hashing.submit,
        clock=now,
        keep_seen=settings.seen_retention_days > 0,
        keep_name=settings.record_names,
    )
    return Node(
        settings=settings,
        store=store,
        rules=rules,
        items=Items(store, now),
        indices=indices,
        recogniser=recogniser,
        decoder=decoder,
        lookback=lookback,
        retention=Retention(store, now, seen_days=settings.seen_retention_days),
        dispatcher=dispatcher,
        hashing=hashing,
        fetcher=SafeClient(),
        keys=Keys(store, now),
        history=History(store),
        standing=standing,
        reviewer=Reviewer(standing),
        following=following,
        previewer=Previewer(store, indices, now),
        decisions=Decisions(store, standing, following, now, breaker),
        breaker=breaker,
        benign=benign,
        road=road,
    )


@dataclass(frozen=True, slots=True)
class Member:
    """What a node trusts and says, without what screens."""

    standing: Standing
    following: Following
    decisions: Decisions


@contextmanager
def member_of(settings: Settings, store: Store) -> Iterator[Member]:
    """Open what a node trusts and says, for commands that do nothing else.

    Raises ConfigurationError, Unavailable.
    """
    with ExitStack() as stack:
        benign = _benign(settings)
        if benign is not None:
            stack.enter_context(benign)
        rules = ExchangeRules(store)
        standing = Standing(store, now, rules, benign=benign)
        trust = Entrusted(now, rules, standing, benign=benign)
        following = stack.enter_context(closing(_following(settings, store, trust, _nothing)))
        yield Member(standing, following, Decisions(store, standing, following, now))


def connect(
    settings: Settings, followed: Followed | str, key: Ed25519PrivateKey | None = None
) -> Remote:
    """Return the way to an exchange, given itself or its URL."""
    url = followed if isinstance(followed, str) else followed.url
    return Remote(url, key, local=settings.exchange_local, clock=now)


def enter(settings: Settings, invitation: Invitation, key: Ed25519PrivateKey) -> int:
    """Become a member of an exchange; return its entry. Raises Refused, Unavailable."""
    with closing(connect(settings, invitation.url, key)) as remote:
        return remote.join(invitation.token)


def benign_folder(settings: Settings) -> Path:
    """Where the node keeps hashes of media that are known to be harmless."""
    return settings.data / "benign"


def _following(
    settings: Settings, store: Store, trust: Entrusted, changed: Callable[[], object]
) -> Following:
    keys = settings.data / "members"
    return Following(store, trust, now, keys, connect=partial(connect, settings), changed=changed)


def _benign(settings: Settings) -> BenignCorpus | None:
    folder = benign_folder(settings)
    return BenignCorpus(folder, writer=False) if folder.exists() else None


def _nothing() -> None:
    pass


def _sandbox(settings: Settings) -> Sandbox:
    limits = Limits(
        file_bytes=settings.max_upload_bytes,
        pixels=settings.max_pixels,
        memory_bytes=settings.max_decode_memory_bytes,
        wall_s=settings.max_decode_s,
    )
    refuse = WALLS if settings.sandbox == "required" else frozenset[str]()
    return Sandbox(
        limits,
        children=settings.children,
        files_per_child=settings.files_per_child,
        refuse_without=refuse,
    )


def _connectors(settings: Settings) -> list[Connector]:
    if not settings.webhook_url:
        return []
    if settings.dry_run:
        return [DryRun("webhook")]
    client = SafeClient(local=settings.webhook_local, any_port=True)
    return [Webhook(settings.webhook_url, parse_keys(_secret(settings)), client, now)]


def _secret(settings: Settings) -> str:
    path = settings.webhook_secret_file
    if path is None:
        raise ConfigurationError("webhook_url needs webhook_secret_file")
    try:
        mode, secret = path.stat().st_mode, path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"{path} can be read by others; use `chmod 600 {path}`")
    return secret
