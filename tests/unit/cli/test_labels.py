from tocsin.lists.vocabulary import LABELS


def test_every_label_is_listed_with_its_meaning(tocsin):
    listed = {line["label"]: line["meaning"] for line in tocsin("labels", "--json").lines}
    assert listed == LABELS


def test_people_see_a_table_of_labels(tocsin):
    assert "incitement" in tocsin("labels").out
