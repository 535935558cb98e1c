"""What happened: events, actions, and looking back."""

from collections import deque
from typing import Annotated

from fastapi import APIRouter, Query

from tocsin.keys import Scope
from tocsin.recording.events import Tag
from tocsin.web.answers import ActionOut, ActionsOut, EventOut, EventsPage, LookbackOut
from tocsin.web.lists import note_read
from tocsin.web.pages import encode, next_link
from tocsin.web.routing import Actor, Guarded, Held, asks
from tocsin.web.schemas import ActionId, ActionsAsked, EventsAsked, LookbackNew

router = APIRouter(tags=["history"], route_class=Guarded)


@router.get("/v1/events", response_model=EventsPage, **asks(Scope.EVENTS_READ))
def read_events(asked: Annotated[EventsAsked, Query()], node: Held, actor: Actor) -> EventsPage:
    """Read what happened, oldest first. Follow it by asking again with the last `cursor`."""
    found = node.history.page(
        after=asked.after, limit=asked.limit, tags=asked.tag, subject=asked.subject
    )
    last = found[-1].id if found else asked.after
    note_read(node, Tag.EVENTS_READ, "events", actor, after=asked.after, last=last)
    full = len(found) == asked.limit
    tags = [tag.value for tag in asked.tag]
    link = next_link("/v1/events", last, asked.limit, tag=tags, subject=asked.subject)
    return EventsPage(
        events=[EventOut.of(one) for one in found],
        cursor=encode(last),
        next=link if full else None,
    )


@router.get("/v1/actions", response_model=ActionsOut, **asks(Scope.ACTIONS))
def read_actions(node: Held, asked: Annotated[ActionsAsked, Query()]) -> ActionsOut:
    """Read the actions that were given up, newest first, and how many stand in each state."""
    dead = [ActionOut.of(one) for one in node.dispatcher.dead(asked.limit)]
    return ActionsOut(actions=dead, counts=node.dispatcher.counts())


@router.post(
    "/v1/actions/{id}/retry",
    response_model=ActionOut,
    **asks(Scope.ACTIONS, 404, 409, once=True),
)
def retry_action(id: ActionId, node: Held, actor: Actor) -> ActionOut:
    """Try an action again that failed or was given up."""
    return ActionOut.of(node.dispatcher.retry(id, actor=actor))


@router.post(
    "/v1/lookback",
    response_model=LookbackOut,
    **asks(Scope.LISTS_WRITE, body="json", once=True),
)
def look_back(body: LookbackNew, node: Held) -> LookbackOut:
    """Match the uploads of the past against what changed. The node does so by itself, too."""
    last = deque(node.lookback.run(everything=body.everything), maxlen=1)
    done, matched = (last[0].done, last[0].matched) if last else (0, 0)
    return LookbackOut(done=done, matched=matched)
