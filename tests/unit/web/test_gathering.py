import asyncio
import threading

import pytest

from signals import md5
from tocsin import intake
from tocsin.errors import NotFound, Unavailable
from tocsin.lists.items import ItemDraft
from tocsin.recording.events import Tag
from tocsin.web.gathering import Gathering
from waiting import WAIT_S

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def gathering(served):
    gathering = Gathering(served.node.road)
    yield gathering
    gathering.close()


def uploads(seed, count):
    return [intake.from_hashes([md5(seed * 1000 + n)]) for n in range(count)]


async def test_each_look_up_gets_its_own_answer(gathering, seed):
    asked = uploads(seed, 300)
    found = await asyncio.gather(*(gathering.screen(one, actor="dana") for one in asked))
    assert [one.upload for one in found] == asked


async def test_every_look_up_is_recorded_before_it_is_answered(served, gathering, seed):
    asked = uploads(seed, 20)
    await asyncio.gather(*(gathering.screen(one, actor="dana") for one in asked))
    recorded = [served.node.history.screening(one.id) for one in asked]
    assert {one.event.actor for one in recorded} == {"dana"}


async def test_look_ups_of_an_unknown_list_fail_alone(gathering, seed):
    wrong, right = uploads(seed, 2)
    failed, found = await asyncio.gather(
        gathering.screen(wrong, actor="dana", only=["nowhere"]),
        gathering.screen(right, actor="dana"),
        return_exceptions=True,
    )
    assert isinstance(failed, NotFound)
    assert found.upload == right


async def test_one_that_gave_up_waiting_takes_nothing_from_the_others(gathering, seed):
    impatient, patient = uploads(seed, 2)
    task = asyncio.create_task(gathering.screen(impatient, actor="dana"))
    await asyncio.sleep(0)
    task.cancel()
    assert (await gathering.screen(patient, actor="dana")).upload == patient


async def test_look_ups_that_wait_together_are_judged_together(served, seed):
    road, passes, gate = served.node.road, [], threading.Event()

    class Watching:
        """The road, which notes how many it judges at once and waits to be let on."""

        def __getattr__(self, name):
            return getattr(road, name)

        def judge_many(self, uploads, readings, only=()):
            passes.append(len(uploads))
            gate.wait(WAIT_S)
            return road.judge_many(uploads, readings, only=only)

    gathering = Gathering(Watching())
    tasks = [asyncio.create_task(gathering.screen(one, actor="dana")) for one in uploads(seed, 50)]
    while not passes:
        await asyncio.sleep(0.001)
    gate.set()
    await asyncio.gather(*tasks)
    gathering.close()
    assert sum(passes) == 50
    assert len(passes) <= 2


async def test_a_closed_gathering_says_so(served, seed):
    gathering = Gathering(served.node.road)
    gathering.close()
    with pytest.raises(Unavailable, match="shutting down"):
        await gathering.screen(uploads(seed, 1)[0], actor="dana")


async def test_look_ups_that_a_change_overtook_look_again_together(served, known, seed):
    """The change comes between judging and recording, which a look-back may have passed."""
    road, asked, settled = served.node.road, uploads(seed, 20), []

    class Overtaken:
        """The road, where somebody lists what is asked about while it is judged."""

        def __getattr__(self, name):
            return getattr(road, name)

        def judge_many(self, uploads, readings, only=()):
            judged = road.judge_many(uploads, readings, only=only)
            draft = ItemDraft(tuple(upload.signals[0] for upload in uploads))
            served.node.items.add(known, draft, actor="alice")
            return judged

        def settle(self, *recorded):
            settled.append(len(recorded))
            road.settle(*recorded)

    gathering = Gathering(Overtaken())
    await asyncio.gather(*(gathering.screen(one, actor="dana") for one in asked))
    gathering.close()
    tags = [Tag.LOOKBACK_MATCHED]
    found = [served.node.history.page(subject=one.id, tags=tags) for one in asked]
    assert [len(one) for one in found] == [1] * 20
    assert len(settled) < 20


async def test_a_group_that_cannot_look_again_says_so_to_each(served, seed):
    road = served.node.road

    class Broken:
        """The road, whose database goes away before the group is settled."""

        def __getattr__(self, name):
            return getattr(road, name)

        def settle(self, *recorded):
            raise Unavailable("the database could not be read")

    gathering = Gathering(Broken())
    asked = [gathering.screen(one, actor="dana") for one in uploads(seed, 3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    gathering.close()
    assert [type(one) for one in answers] == [Unavailable] * 3
