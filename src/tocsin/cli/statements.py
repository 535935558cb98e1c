"""Statements and their parts from what was typed."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tocsin.errors import InvalidInput

Model = TypeVar("Model", bound=BaseModel)


def made(model: type[Model], **fields: object) -> Model:
    """Return a part of a statement. Raises InvalidInput that names the field at fault."""
    try:
        return model(**fields)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise InvalidInput("; ".join(map(_told, faults))) from error


def _told(fault: ErrorDetails) -> str:
    field, given = str(fault["loc"][0]), fault["input"]
    if fault["type"] == "extra_forbidden":
        return f"there is no {field}"
    return f"{field}: {fault['msg']}, not {given!r}"
