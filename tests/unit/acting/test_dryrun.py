"""The dry-run twin answers like a connector and does nothing."""

from tocsin.acting.base import Delivered
from tocsin.acting.dryrun import DryRun
from tocsin.model import Action


def test_a_dry_run_is_delivered_and_says_what_it_was():
    outcome = DryRun("webhook").deliver(Action("1", "2", "webhook", {"type": "upload.hold"}))
    assert outcome == Delivered("dry run: webhook would carry out upload.hold")


def test_a_dry_run_carries_the_name_of_what_it_stands_in_for():
    assert DryRun("webhook").name == "webhook"


def test_a_body_without_a_type_is_no_fault():
    assert isinstance(DryRun("webhook").deliver(Action("1", "2", "webhook", {})), Delivered)
