"""What all simulations begin with: an empty database of a node, made once."""

import pytest

from tocsin.recording.store import Store


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """An empty database, to be copied: making one takes longer than a run."""
    path = tmp_path_factory.mktemp("template") / "node.db"
    Store(f"sqlite:///{path}").close()
    return path
