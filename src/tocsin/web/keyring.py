"""API keys: make, list, revoke."""

from fastapi import APIRouter

from tocsin.keys import Scope
from tocsin.web.answers import KeyOut, KeysOut, NewKeyOut
from tocsin.web.routing import Actor, Guarded, Held, asks
from tocsin.web.schemas import KeyId, KeyNew

router = APIRouter(tags=["keys"], route_class=Guarded)


@router.get("/v1/keys", response_model=KeysOut, **asks(Scope.ADMIN))
def read_keys(node: Held) -> KeysOut:
    """Read every key, revoked ones too; never a token."""
    return KeysOut(keys=[KeyOut.of(key) for key in node.keys.all()])


# No idempotency key here: the answer would have to be kept, and a token is kept nowhere.
@router.post(
    "/v1/keys", status_code=201, response_model=NewKeyOut, **asks(Scope.ADMIN, body="json")
)
def create_key(body: KeyNew, node: Held, actor: Actor) -> NewKeyOut:
    """Make a key. Its token is in this answer and can never be read again."""
    made = node.keys.create(body.name, body.scopes, actor=actor, expires_at=body.expires_at)
    return NewKeyOut(key=KeyOut.of(made.key), token=made.token)


@router.delete("/v1/keys/{id}", status_code=204, **asks(Scope.ADMIN, 404))
def revoke_key(id: KeyId, node: Held, actor: Actor) -> None:
    """Revoke a key for good; at once here, within half a second in other processes."""
    node.keys.revoke(id, actor=actor)
