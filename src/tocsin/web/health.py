"""Whether the process lives, and whether the node can do its work. Neither needs a key."""

from fastapi import APIRouter

from tocsin.app import WALLS
from tocsin.errors import Unavailable
from tocsin.web.answers import Alive, Ready, WallOut
from tocsin.web.faults import problems
from tocsin.web.routing import Held

router = APIRouter(tags=["health"])


@router.get("/health", response_model=Alive)
async def health() -> Alive:
    """Say that the process answers. Restart it if it does not."""
    return Alive(status="alive")


@router.get("/ready", response_model=Ready, responses=problems(503))
def ready(node: Held) -> Ready:
    """Say whether the node can screen. Send it no traffic while it cannot."""
    revision = node.indices.refresh()
    walls = [WallOut(name=one.name, stands=one.stands) for one in node.decoder.walls()]
    fallen = [wall.name for wall in walls if not wall.stands and wall.name in WALLS]
    if fallen and node.settings.sandbox == "required":
        raise Unavailable(
            f"files are not decoded: the sandbox lacks {', '.join(fallen)}",
            advice="See docs/operations.md on walls; `tocsin doctor` says more.",
        )
    return Ready(
        status="ready",
        revision=revision,
        signals=sum(node.indices.sizes().values()),
        walls=walls,
        problems=len(node.problems()),
    )
