"""What has an end: usable in a `with` block, which closes it."""

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """Something that holds threads, processes or files until it is closed."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """End it. May be called twice."""
