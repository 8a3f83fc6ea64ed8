"""The history of a campaign, on its page and on the page of a file."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns import decisions
from campaigns.history import history_of
from campaigns.lifecycle import record_event, transition
from campaigns.models import Batch, Campaign, Event
from campaigns.views import watch

LogIn = Callable[[User], Client]

pytestmark = pytest.mark.usefixtures("enqueued")


def test_the_history_explains_codes(running: Campaign, viewer: User, logged_in: LogIn) -> None:
    batch = running.batches.get()
    for code in ("upload_broken", "no_answer", "account_stopped"):
        record_event(running, code, "What happened.", batch=batch)
    Batch.objects.filter(pk=batch.pk).update(status="rejected", reason="no_credits", settled_at=timezone.now())
    client = logged_in(viewer)
    for path in (f"/campaigns/{running.pk}/?tab=history", f"/batches/{batch.pk}/"):
        page = client.get(path).content.decode()
        for words in ("The upload was interrupted", "No answer", "Account stopped"):
            assert f"<strong>{words}</strong>" in page, path
    page = client.get(f"/campaigns/{running.pk}/", {"code": "no_credits"}).content.decode()
    assert "Only recipients with this cause: No credits." in page
    assert ">no_credits<" not in page


def test_the_history_is_what_people_did_with_the_steps_of_baton_folded(
    running: Campaign, operator: User, viewer: User, logged_in: LogIn
) -> None:
    batch = running.batches.get()
    for to in ("uploading", "committing", "handed_over", "accepted"):
        transition(batch, to)
    decisions.pause(running, operator)
    client = logged_in(viewer)
    history = client.get(f"/campaigns/{running.pk}/?tab=history").context["history"]
    assert [(entry.who, entry.words) for entry in history] == [
        ("operator", "paused it"),
        ("Baton", "created 1 file, handed over 1 file, 1 accepted"),
        ("Baton", "started it"),
        ("approver", "approved it"),
        ("Baton", "prepared it for approval"),
        ("operator", "submitted it for approval"),
    ]
    assert [len(entry.steps) for entry in history] == [0, 5, 0, 0, 0, 0]


def test_equal_decisions_about_several_files_are_one_line(running: Campaign, operator: User) -> None:
    def decided(pk: int, sentence: str) -> Event:
        batch = Batch(number=pk, name="a.zip")
        batch.pk = pk
        return Event(reason="decided", sentence=sentence, user=operator, batch=batch, at=timezone.now())

    found = history_of([decided(3, "Their log."), decided(2, "Their log."), decided(1, "They phoned.")])
    assert [(entry.words, entry.sentence) for entry in found] == [
        ("decided about 2 files", "Their log."),
        ("decided about file 1", "They phoned."),
    ]


def test_a_long_history_is_paged(
    running: Campaign, viewer: User, logged_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "EVENTS_A_PAGE", 3)
    client = logged_in(viewer)
    first = client.get(f"/campaigns/{running.pk}/?tab=history")
    seen = running.events.count()
    assert seen > 3
    older = client.get(f"/campaigns/{running.pk}/?tab=history&before={first.context['older']}")
    words = [entry.words for page in (first, older) for entry in page.context["history"]]
    assert words[-1] == "submitted it for approval"
    assert first.context["history"][-1].words not in [entry.words for entry in older.context["history"]]
    assert ">Newest</a>" in older.content.decode()
