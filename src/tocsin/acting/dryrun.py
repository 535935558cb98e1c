"""The dry-run twin of every connector: the same road, nothing leaves the node."""

from tocsin.acting.base import Delivered, Failed
from tocsin.model import Action


class DryRun:
    """Stands in for a connector and says what it would have been asked to do."""

    def __init__(self, name: str) -> None:
        self.name = name

    def deliver(self, action: Action) -> Delivered | Failed:
        """Answer as if delivered; the record keeps the words "dry run"."""
        return Delivered(f"dry run: {self.name} would carry out {action.body.get('type', '?')}")
