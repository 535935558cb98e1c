import asyncio
import threading

import pytest

from tocsin.errors import Unavailable
from tocsin.web.serving import IMPORTS, QUEUE_PER_CHILD, Serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def serving(served):
    serving = Serving(served.node)
    yield serving
    serving.close()


async def crowd(start, count):
    """Ask so often at once, with nothing done until all have asked; return what came of each."""
    gate = threading.Event()
    asked = [asyncio.create_task(start(gate.wait)) for _ in range(count)]
    await asyncio.sleep(0)
    gate.set()
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_files_beyond_what_may_wait_are_turned_away_at_once(serving):
    most = QUEUE_PER_CHILD * serving.node.settings.children
    found = await crowd(serving.with_file, most + 3)
    assert sum(isinstance(one, Unavailable) for one in found) == 3
    assert await serving.with_file(lambda: "room again") == "room again"


async def test_imports_beyond_what_may_run_are_turned_away_at_once(serving):
    found = await crowd(serving.with_import, IMPORTS + 2)
    assert sum(isinstance(one, Unavailable) for one in found) == 2
