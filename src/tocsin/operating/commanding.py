"""What the operator's commands do to an exchange, whether it is running or not.

If it is not, the command opens it and does the thing itself; if it is, it leaves an errand in the
folder and waits for the outcome.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta

from tocsin.entries.invitation import Invitation
from tocsin.entries.register import Register
from tocsin.entries.statements import Statement
from tocsin.errors import Conflict, Damaged, Unavailable
from tocsin.operating import snapshot
from tocsin.operating.contents import open_contents
from tocsin.operating.errands import Errands
from tocsin.operating.exchange import Exchange
from tocsin.operating.folder import Folder, open_settings
from tocsin.operating.invitations import Invitations, Terms
from tocsin.operating.office import invitation

WAIT_S = 30.0
"""How long a command waits for an exchange that is running."""

_POLL_S = 0.1
_IN_USE = "in_use"
_TRIES = 3

Clock = Callable[[], datetime]


def tell(folder: Folder, statements: Sequence[Statement], clock: Clock) -> list[int]:
    """Make entries of the operator's; return their indices. Raises errors of ours alone."""
    try:
        with closing(Exchange.open(folder.path, clock=clock)) as exchange:
            return [one.index for one in exchange.say(*statements).result()]
    except Conflict as error:
        if error.code != _IN_USE:
            raise
    return _leave_and_wait(folder, statements, clock)


def read_register(folder: Folder, clock: Clock) -> Register:
    """Return what the log says of members, groups and rules. Raises errors of ours alone."""
    try:
        with closing(Exchange.open(folder.path, clock=clock)) as exchange:
            return exchange.register()
    except Conflict as error:
        if error.code != _IN_USE:
            raise
    # Written down after each change of these, by the exchange that is running.
    for attempt in range(1, _TRIES + 1):
        try:
            return snapshot.read(folder.register)[0]
        except (Unavailable, Damaged):
            if attempt == _TRIES:
                raise
            time.sleep(_POLL_S)
    raise Unavailable(f"{folder.register} cannot be read")


def invite(folder: Folder, terms: Terms, *, valid: timedelta, clock: Clock) -> Invitation:
    """Offer a place to a new member. Raises Conflict where there is one of that id."""
    settings = open_settings(folder)
    if terms.member in read_register(folder, clock).members:
        raise Conflict(f"{terms.member} is a member already", code="exists")
    with closing(open_contents(folder.contents)) as database:
        token = Invitations(database, clock).offer(terms, valid=valid)
    return invitation(settings, terms, token)


def _leave_and_wait(folder: Folder, statements: Sequence[Statement], clock: Clock) -> list[int]:
    with closing(open_contents(folder.contents)) as database:
        errands = Errands(database)
        numbers = errands.leave(statements, clock())
        last = time.monotonic() + WAIT_S
        indices = []
        for number in numbers:
            index = errands.outcome(number)
            while index is None and time.monotonic() < last:
                time.sleep(_POLL_S)
                index = errands.outcome(number)
            if index is None:
                errands.withdraw(number)
                raise Unavailable("the exchange that is running does not take the command")
            indices.append(index)
        return indices
