"""Statements and their parts from what was typed."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tocsin.errors import InvalidInput

Model = TypeVar("Model", bound=BaseModel)


def made(model: type[Model], **fields: object) -> Model:
    """Return a part of a statement. Raises InvalidInput that names the field at fault."""
    try:
        return model(**fields)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in faults)
        raise InvalidInput(told) from error
