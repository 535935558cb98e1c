"""Uploads of the past, as a node remembers them."""

from tocsin.model import Judgement, Screening, Upload, UploadKind, Verdict, View
from tocsin.recording import screenings


def remember(store, clock, number, *signals, revision=None):
    views = tuple(View(f"view {place}", one) for place, one in enumerate(signals))
    upload = Upload(f"{number:032x}", UploadKind.FILE, "photo.jpg")
    judgement = Judgement(Verdict.ALLOW, (), 0.5)
    at = store.revision() if revision is None else revision
    screening = Screening(upload.id, clock(), upload, views, (), judgement, at)
    screenings.record(store, screening, (), actor="api", keep_seen=True, keep_name=False).result()
    return screening
