"""Whatever happened, the register replayed from the log is the one that the exchange had."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchanges import NOW, Running, an_item
from tocsin.entries.parties import Role
from tocsin.entries.statements import (
    Approve,
    Erase,
    GroupSaid,
    IncidentSaid,
    MemberSaid,
    Opinion,
    Retract,
    Rules,
    RuleSaid,
    moment,
)
from tocsin.errors import TocsinError
from tocsin.operating.checking import check_folder
from tocsin.operating.contents import Stored

NAMES = ("alice", "bob", "carol")
INDEX = st.integers(0, 12)
PERSON = st.sampled_from(NAMES)
AUDIENCE = st.sampled_from(("public", "members", "few"))
ENDS = moment(NOW.replace(hour=20))

SAID = st.one_of(
    st.builds(lambda n, audience: an_item(n, audience=audience), INDEX, AUDIENCE),
    st.builds(
        lambda of, audience: Opinion(of=of, opinion="dispute", audience=audience), INDEX, AUDIENCE
    ),
    st.builds(lambda of: Retract(of=of, reason="r"), INDEX),
    st.builds(lambda of: Erase(of=of, reason="error"), INDEX),
    st.builds(lambda of, audience: Approve(of=of, audience=audience), INDEX, AUDIENCE),
    st.builds(
        lambda action, audience: IncidentSaid(
            action=action,
            incident="crisis",
            kind="awareness",
            title="t",
            ends_at=ENDS,
            reason="r",
            audience=audience,
        ),
        st.sampled_from(("open", "extend", "update", "close")),
        AUDIENCE,
    ),
)
DECIDED = st.one_of(
    st.builds(
        lambda action, member: MemberSaid(action=action, member=member),
        st.sampled_from(("suspend", "reinstate", "leave")),
        PERSON,
    ),
    st.builds(
        lambda names: GroupSaid(audience="few", members=tuple(sorted(names))),
        st.frozensets(PERSON),
    ),
    st.builds(
        lambda days: RuleSaid(rules=Rules(max_ttl_days=days), reason="r"), st.integers(30, 90)
    ),
)
STEPS = st.lists(
    st.one_of(st.tuples(PERSON, SAID), st.tuples(st.just("operator"), DECIDED)), max_size=25
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_the_register_replayed_is_the_one_there_was(steps):
    with tempfile.TemporaryDirectory() as name:
        running = Running(Path(name) / "exchange")
        most = (Role.CONTRIBUTOR, Role.REVIEWER, Role.COORDINATOR)
        people = {who: running.join(who, *most) for who in NAMES}
        for who in NAMES:
            said = MemberSaid(action="role", member=who, roles=(*most, Role.STEWARD))
            running.exchange.say(said).result()
        for who, said in steps:
            try:
                if who == "operator":
                    running.exchange.say(said).result()
                else:
                    people[who].say(said)
            except TocsinError:
                continue
        before = running.exchange.register().dump()
        running.close()
        running.folder.register.unlink()
        assert running.open().register().dump() == before
        running.close()
        assert check_folder(running.folder, clock=running.clock).clean


def test_rows_that_never_reached_the_log_are_dropped_at_the_start(running, alice):
    (answer,) = alice.submit(alice.seal(an_item()))
    parcel = alice.seal(an_item(2))
    content = parcel.nonce + parcel.payload
    running.exchange._contents.put([Stored(3, parcel.envelope.encode(), "members", content)])
    running.reopen()
    assert running.exchange._contents.size == 3
    assert alice.submit(parcel)[0].index == answer.index + 1
