"""Texts that are saved as templates."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.models import Campaign, Template
from providers.models import Account
from tests.pages import html_of

LogIn = Callable[[User], Client]


def test_it_is_written_with_labels_changed_and_deleted(operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    posted = {"name": "Promo", "text": "Hi @@value1@@", "sender": "ACME", "label_value1": "First name"}
    client.post("/templates/new/", posted)
    template = Template.objects.get()
    assert template.labels == {"value1": "First name"}
    assert template.created_by == operator
    page = client.get(f"/templates/{template.pk}/").content.decode()
    assert "First name" in page
    assert 'data-insert="@@value1@@"' in page
    client.post(f"/templates/{template.pk}/", {**posted, "text": "Hello"})
    template.refresh_from_db()
    assert template.text == "Hello"
    assert client.get(f"/templates/{template.pk}/delete/").status_code == 405
    client.post(f"/templates/{template.pk}/delete/")
    assert not Template.objects.exists()


def test_an_unknown_field_is_reported_beside_the_text(operator: User, logged_in: LogIn) -> None:
    response = logged_in(operator).post("/templates/new/", {"name": "Promo", "text": "Hi @@first@@"})
    assert response.status_code == 422
    assert "@@first@@” is not a field" in response.context["form"].errors["text"][0]
    assert not Template.objects.exists()


def test_the_name_is_unique(operator: User, logged_in: LogIn) -> None:
    Template.objects.create(name="Promo", text="x")
    response = logged_in(operator).post("/templates/new/", {"name": "Promo", "text": "y"})
    assert "name" in response.context["form"].errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello", "GSM · 5 of 160 · 1 part"),
        ("{}", "GSM · 4 of 160 · 1 part"),
        ("a" * 161, "GSM · 161 of 306 · 2 parts"),
        ("中", "Unicode · 1 of 70 · 1 part"),
        ("Hi @@first@@", "@@first@@” is not a field"),
        ("it’s", "Not in the GSM alphabet: ’."),
        ("", "appears here as you type"),
    ],
)
def test_the_count_is_live_and_exact(text: str, words: str, operator: User, logged_in: LogIn) -> None:
    assert words in html_of(logged_in(operator).post("/templates/measure/", {"text": text}))


def test_the_count_reads_the_text_as_the_first_contact_of_the_list_would(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    posted = {"text": "Hi @@value1@@", "campaign": make_campaign(account).pk}
    assert "Hi Person 0" in logged_in(operator).post("/templates/measure/", posted).content.decode()


def test_a_viewer_reads_but_does_not_write(viewer: User, logged_in: LogIn) -> None:
    template = Template.objects.create(name="Promo", text="Hello there")
    client = logged_in(viewer)
    assert "Promo" in client.get("/templates/").content.decode()
    page = client.get(f"/templates/{template.pk}/").content.decode()
    assert "Hello there" in page
    assert "Save template" not in page
    assert client.get("/templates/new/").status_code == 403
    assert client.post(f"/templates/{template.pk}/delete/").status_code == 403


def test_an_empty_list_says_what_a_template_is(operator: User, logged_in: LogIn) -> None:
    assert "No templates yet" in logged_in(operator).get("/templates/").content.decode()
