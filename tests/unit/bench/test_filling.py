from tocsin.bench.filling import LIST, fill, now
from tocsin.lists.indices import Indices
from tocsin.lists.items import Items
from tocsin.lists.rules import Rules


def test_a_filled_folder_is_what_a_node_would_have_made(sqlite_store, tmp_path):
    fill(sqlite_store, tmp_path / "index", 300)
    items = Items(sqlite_store, now)
    assert items.count(LIST) == {"items": 300, "pdq": 300}
    with Indices(sqlite_store, Rules(sqlite_store, now), tmp_path / "index", merge=False) as found:
        assert found.sizes() == {f"{LIST}/pdq": 300}
        assert found.damage == ()
