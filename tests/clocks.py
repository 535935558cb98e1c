"""A clock for tests."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Tells the same aware time until it is advanced."""

    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        """Move the clock, backwards too, and tell the new time."""
        self.now += timedelta(seconds=seconds)
        return self.now
