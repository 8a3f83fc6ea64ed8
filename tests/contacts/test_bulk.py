"""Bulk actions on the contacts that match a filter: delete, opt out, copy and move."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from redis import Redis

from contacts import bulk, jobs, queues, suppression
from contacts.errors import Refusal
from contacts.models import BulkAction, Contact, ContactList, Import, Suppression
from tests.pages import html_of

pytestmark = pytest.mark.postgresql

LogIn = Callable[[User], Client]
CAPE = [{"field": "value1", "is": "equals", "value": "Cape Town"}]
QUERY = "value1=Cape+Town"


@pytest.fixture
def customers(db: None) -> ContactList:
    """20 contacts, every second one in Cape Town."""
    made = ContactList.objects.create(name="Customers", labels={"value1": "Town", "value2": "Name"})
    Contact.objects.bulk_create(
        Contact(
            list=made,
            msisdn=f"278255501{n:02}",
            phone=f"082 555 01{n:02}",
            value1="Durban" if n % 2 else "Cape Town",
            value2=f"Person {n}",
            customer_id=f"C{n}",
            number_country="ZA",
            number_kind="mobile",
        )
        for n in range(20)
    )
    return made


@pytest.fixture
def vip(db: None) -> ContactList:
    return ContactList.objects.create(name="VIP", labels={"value1": "Name"})


@pytest.fixture
def client(operator: User, logged_in: LogIn) -> Client:
    return logged_in(operator)


def confirmed(contact_list: ContactList, kind: str, target: ContactList | None = None, note: str = "") -> BulkAction:
    now = timezone.now()
    action = bulk.begin(contact_list, kind, CAPE, 10, None, now, target, note)
    bulk.run(action.pk)
    action.refresh_from_db()
    return action


@pytest.mark.parametrize("size", [3, 100])
def test_it_deletes_those_that_match_and_no_opt_out(
    monkeypatch: pytest.MonkeyPatch, customers: ContactList, size: int
) -> None:
    monkeypatch.setattr(bulk, "RANGE", size)
    suppression.suppress(["27825550100"], "manual")
    action = confirmed(customers, "delete")
    assert (action.status, action.changed, action.already, action.progress) == ("done", 10, 0, 10)
    assert set(customers.contacts.values_list("value1", flat=True)) == {"Durban"}
    assert customers.contacts.count() == 10
    assert suppression.is_suppressed("27825550100")


def test_it_opts_out_with_the_list_and_the_note_as_proof(customers: ContactList) -> None:
    suppression.suppress(["27825550100"], "reply", "STOP")
    action = confirmed(customers, "opt_out", note="Letter of 3 May")
    assert (action.changed, action.already) == (9, 1)
    assert Suppression.objects.active().count() == 10
    assert Suppression.objects.get(msisdn="27825550100").note == "STOP"
    assert Suppression.objects.get(msisdn="27825550102").note == "On the list Customers: Letter of 3 May"


@pytest.mark.parametrize("kind", ["copy", "move"])
@pytest.mark.parametrize("size", [3, 100])
def test_it_copies_and_moves_values_by_their_labels(
    monkeypatch: pytest.MonkeyPatch, customers: ContactList, vip: ContactList, kind: str, size: int
) -> None:
    monkeypatch.setattr(bulk, "RANGE", size)
    Contact.objects.create(list=vip, msisdn="27825550100", value1="Known")
    action = confirmed(customers, kind, vip)
    assert (action.changed, action.already) == (9, 1)
    vip.refresh_from_db()
    # "Town" is value1 on the other list, which has its own use for that.
    assert vip.labels == {"value1": "Name", "value2": "Town"}
    copied = vip.contacts.get(msisdn="27825550102")
    assert (copied.value1, copied.value2, copied.customer_id) == ("Person 2", "Cape Town", "C2")
    assert (copied.phone, copied.number_country, copied.number_kind) == ("082 555 0102", "ZA", "mobile")
    assert vip.contacts.get(msisdn="27825550100").value1 == "Known"
    assert customers.contacts.count() == (10 if kind == "move" else 20)


def test_a_target_without_a_free_field_is_refused_and_nothing_changes(customers: ContactList) -> None:
    full = ContactList.objects.create(name="Full", labels={f"value{n}": f"Label {n}" for n in range(1, 7)})
    with pytest.raises(Refusal, match="Full has no field left for “Town”, “Name”"):
        confirmed(customers, "copy", full)
    assert not BulkAction.objects.exists()
    assert not full.contacts.exists()


def test_contacts_that_were_added_after_the_confirmation_are_left_alone(customers: ContactList) -> None:
    action = bulk.begin(customers, "delete", CAPE, 10, None, timezone.now(), None)
    late = Contact.objects.create(list=customers, msisdn="27825550199", value1="Cape Town")
    Contact.objects.filter(pk=late.pk).update(created_at=timezone.now() + timedelta(seconds=5))
    bulk.run(action.pk)
    assert customers.contacts.filter(value1="Cape Town").get() == late


def test_after_a_crash_it_goes_on_where_it_was_and_counts_each_contact_once(
    monkeypatch: pytest.MonkeyPatch, customers: ContactList, vip: ContactList
) -> None:
    monkeypatch.setattr(bulk, "RANGE", 6)
    action = bulk.begin(customers, "move", CAPE, 10, None, timezone.now(), vip)
    assert bulk.run_range(action.pk)
    action.refresh_from_db()
    assert (action.progress, action.status) == (3, "running")
    stuck = timezone.now() - timedelta(minutes=10)
    BulkAction.objects.update(beat_at=stuck)
    assert list(BulkAction.objects.waiting_for_a_worker(timezone.now())) == [action]
    bulk.run(action.pk)
    bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.changed, action.already, vip.contacts.count(), customers.contacts.count()) == (10, 0, 10, 10)
    assert not BulkAction.objects.waiting_for_a_worker(timezone.now() + timedelta(days=1)).exists()


def test_the_sweep_finds_one_whose_job_was_lost(customers: ContactList, valkey: Redis) -> None:
    action = bulk.begin(customers, "delete", CAPE, 10, None, timezone.now(), None)
    assert jobs.sweep() == {}
    BulkAction.objects.update(beat_at=timezone.now() - timedelta(minutes=10))
    assert jobs.sweep() == {"run_bulk_action": 1}
    jobs.run_bulk_action(action.pk)
    assert BulkAction.objects.get().status == "done"
    assert customers.contacts.count() == 10


@pytest.mark.parametrize("status", ["applying", "undoing"])
def test_it_waits_for_an_import(customers: ContactList, status: str) -> None:
    Import.objects.create(list=customers, original_name="a.csv", country="ZA", file="imports/a", status=status)
    with pytest.raises(Refusal, match="An import into Customers is running"):
        confirmed(customers, "delete")


def test_two_bulk_actions_on_a_list_do_not_run_at_once(customers: ContactList, vip: ContactList) -> None:
    bulk.begin(customers, "copy", CAPE, 10, None, timezone.now(), vip)
    for contact_list in (customers, vip):
        with pytest.raises(Refusal, match="are being changed"):
            confirmed(contact_list, "delete")


# -- screens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data", "question", "result"),
    [
        ("delete", {}, "Delete 10 contacts from Customers?", ("Deleted", 10)),
        ("opt_out", {"note": "Letter"}, "Opt out 10 contacts?", ("Opted out", 10)),
        ("copy", {"target": "VIP"}, "Copy 10 contacts to another list?", ("Copied", 10)),
        ("move", {"target": "VIP"}, "Move 10 contacts to another list?", ("Moved", 10)),
    ],
)
def test_the_confirmation_says_the_number_and_the_result_the_count(
    client: Client,
    customers: ContactList,
    vip: ContactList,
    kind: str,
    data: dict[str, str],
    question: str,
    result: tuple[str, int],
) -> None:
    at = f"/contacts/{customers.pk}/bulk/{kind}/?{QUERY}"
    page = html_of(client.get(at))
    assert question in page
    assert "Town is “Cape Town”" in page
    assert not BulkAction.objects.exists()
    posted = {**data, "matched": "10"} | ({"target": str(vip.pk)} if "target" in data else {})
    answer = client.post(at, posted, follow=True)
    assert answer.context["results"][0] == result
    action = BulkAction.objects.get()
    assert action.created_by is not None
    assert answer.redirect_chain == [(f"/contacts/bulk/{action.pk}/", 302)]
    assert client.get(f"/contacts/bulk/{action.pk}/progress/").status_code == 286


def test_a_number_that_has_changed_is_confirmed_again(client: Client, customers: ContactList) -> None:
    at = f"/contacts/{customers.pk}/bulk/delete/?{QUERY}"
    Contact.objects.create(list=customers, msisdn="27825550199", value1="Cape Town")
    answer = client.post(at, {"matched": "10"})
    assert answer.status_code == 422
    assert "has changed to 11. Confirm again." in html_of(answer)
    assert customers.contacts.count() == 21


@pytest.mark.parametrize(
    ("kind", "data", "field"),
    [("opt_out", {}, "note"), ("copy", {}, "target"), ("move", {"target": "0"}, "target"), ("delete", {}, "matched")],
)
def test_what_is_missing_is_said_at_its_field(
    client: Client, customers: ContactList, kind: str, data: dict[str, str], field: str
) -> None:
    posted = data if field == "matched" else {**data, "matched": "10"}
    answer = client.post(f"/contacts/{customers.pk}/bulk/{kind}/?{QUERY}", posted)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors


def test_many_contacts_are_a_job(
    monkeypatch: pytest.MonkeyPatch, client: Client, customers: ContactList, valkey: Redis
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 5)
    at = f"/contacts/{customers.pk}/bulk/delete/?{QUERY}"
    page = html_of(client.post(at, {"matched": "10"}, follow=True))
    assert "0 of 10 contacts" in page
    assert "hx-get" in page
    assert "Show the progress" in html_of(client.get(customers.get_absolute_url()))
    assert not queues.enqueue_once(jobs.run_bulk_action, BulkAction.objects.get().pk)


@pytest.mark.parametrize("query", ["?q=Cape", "?value2_is=at_least&value2=x"])
def test_a_search_or_a_damaged_filter_chooses_nothing(client: Client, customers: ContactList, query: str) -> None:
    answer = client.post(f"/contacts/{customers.pk}/bulk/delete/{query}", {"matched": "20"}, follow=True)
    assert "Choose contacts with the filter" in answer.content.decode()
    assert customers.contacts.count() == 20


def test_nothing_to_do_is_said(client: Client, customers: ContactList) -> None:
    assert "No contacts match" in html_of(client.get(f"/contacts/{customers.pk}/bulk/delete/?value1=Nowhere"))


def test_an_unknown_action_is_not_found(client: Client, customers: ContactList) -> None:
    assert client.get(f"/contacts/{customers.pk}/bulk/sell/").status_code == 404


@pytest.mark.parametrize("kind", ["delete", "opt_out", "copy", "move"])
def test_a_viewer_does_none_of_it(
    viewer: User, logged_in: LogIn, customers: ContactList, vip: ContactList, kind: str
) -> None:
    reading = logged_in(viewer)
    at = f"/contacts/{customers.pk}/bulk/{kind}/?{QUERY}"
    assert reading.get(at).status_code == 403
    assert reading.post(at, {"matched": "10", "note": "x", "target": str(vip.pk)}).status_code == 403
    assert customers.contacts.count() == 20
