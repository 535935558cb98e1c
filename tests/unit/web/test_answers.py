import json

import pytest

from samples import a_hit, a_rule, a_screening
from tocsin.web.answers import ListOut, Screened, screened


@pytest.mark.parametrize("hits", [(), (a_hit(),), (a_hit(expires_at=None, quality=None),)])
def test_a_look_ups_answer_has_the_shape_that_the_document_shows(hits):
    answer = json.loads(json.dumps(screened(a_screening(hits=hits))))
    assert json.loads(Screened(**answer).model_dump_json()) == answer


def test_a_list_shows_every_field_of_its_rule_but_its_number():
    shown = ListOut.of(a_rule(name="known")).model_dump()
    assert shown["name"] == "known"
    assert set(a_rule().__slots__) - set(shown) == {"id"}
