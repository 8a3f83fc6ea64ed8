"""Segments: conditions on the contacts of a list, the filter form, and saving, changing and deleting a segment."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client

from contacts import importing, segments
from contacts.models import Contact, ContactList, Import, ImportRow, Segment
from contacts.number_facts import number_facts
from contacts.segment_forms import FilterForm, query_string
from tests.pages import html_of

pytestmark = pytest.mark.postgresql

LogIn = Callable[[User], Client]
ROWS = {
    "27825550100": {"value1": "Thandi", "value2": "250", "customer_id": "C1"},
    "27825550101": {"value1": "thabo", "value2": "13.50", "customer_id": "C2"},
    "27825550102": {"value1": "Sipho", "value2": "R 900", "customer_id": "c3"},
    "27215550103": {"value1": "", "value2": "-5"},
    "447911123456": {"value1": "50%_off", "value2": "1000000"},
}


@pytest.fixture
def customers(db: None) -> ContactList:
    made = ContactList.objects.create(name="Customers", labels={"value1": "First name", "value2": "Balance"})
    for msisdn, fields in ROWS.items():
        Contact.objects.create(list=made, msisdn=msisdn, **fields)
    return made


@pytest.fixture
def client(operator: User, logged_in: LogIn) -> Client:
    return logged_in(operator)


def condition(field: str, test: str, value: str = "") -> dict[str, str]:
    return {"field": field, "is": test, "value": value}


def matching(contact_list: ContactList, *conditions: dict[str, str]) -> set[str]:
    segment = Segment(list=contact_list, conditions=list(conditions))
    return {msisdn[-3:] for msisdn in segments.matching(segment).values_list("msisdn", flat=True)}


CASES: list[tuple[list[dict[str, str]], set[str]]] = [
    ([], {"100", "101", "102", "103", "456"}),
    ([condition("value1", "equals", "THANDI")], {"100"}),
    ([condition("value1", "not_equals", "thandi")], {"101", "102", "103", "456"}),
    ([condition("value1", "starts_with", "tha")], {"100", "101"}),
    ([condition("value1", "contains", "ho")], {"102"}),
    ([condition("value1", "contains", "%_")], {"456"}),
    ([condition("value1", "contains", "' OR 1=1")], set()),
    ([condition("value1", "empty")], {"103"}),
    ([condition("value1", "not_empty")], {"100", "101", "102", "456"}),
    ([condition("value2", "at_least", "13.5")], {"100", "101", "456"}),
    ([condition("value2", "at_most", "13.5")], {"101", "103"}),
    ([condition("value2", "at_least", "10"), condition("value2", "at_most", "300")], {"100", "101"}),
    ([condition("customer_id", "equals", "C3")], {"102"}),
    ([condition("country", "equals", "GB")], {"456"}),
    ([condition("country", "not_equals", "GB"), condition("kind", "equals", "fixed_line")], {"103"}),
    ([condition("kind", "not_equals", "mobile")], {"103"}),
]


def test_a_contact_matches_all_conditions(customers: ContactList) -> None:
    for conditions, expected in CASES:
        assert matching(customers, *conditions) == expected, conditions


def test_only_contacts_of_the_list_match(customers: ContactList) -> None:
    other = ContactList.objects.create(name="Other")
    Contact.objects.create(list=other, msisdn="27825550199", value1="Thandi")
    assert matching(other, condition("value1", "equals", "Thandi")) == {"199"}


def test_an_import_is_a_condition(customers: ContactList) -> None:
    imported = Import.objects.create(list=customers, original_name="may.csv", country="ZA", file="imports/a.csv")
    ImportRow.objects.create(import_of=imported, row=2, msisdn="27825550100", bucket="created")
    ImportRow.objects.create(import_of=imported, row=3, msisdn="27825550101")
    wanted = condition("import", "equals", str(imported.pk))
    assert matching(customers, wanted) == {"100"}
    assert "100" not in matching(customers, condition("import", "not_equals", str(imported.pk)))
    assert segments.in_words([wanted], customers)[0].startswith("Imported in may.csv (")
    imported.delete()
    assert matching(customers, wanted) == set()
    assert segments.in_words([wanted], customers) == ["Imported in an import that no longer exists"]


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ("x", "no_conditions"),
        ([[]], "not_a_condition"),
        ([{"field": "value1", "is": "equals", "value": 3}], "not_a_condition"),
        ([condition("message", "equals", "x")], "unknown_test"),
        ([condition("list__name", "equals", "x")], "unknown_test"),
        ([condition("value1", "regex", "x")], "unknown_test"),
        ([condition("value1", "equals")], "value_missing"),
        ([condition("value1", "equals", "\x00")], "value_invalid"),
        ([condition("value1", "at_least", "many")], "not_a_number"),
        ([condition("value1", "at_least", "nan")], "not_a_number"),
        ([condition("country", "equals", "XX")], "unknown_country"),
        ([condition("kind", "equals", "pigeon")], "unknown_kind"),
        ([condition("import", "equals", "first")], "unknown_import"),
        ([condition("contacted", "since", "0")], "not_a_time"),
        ([condition("contacted", "since", "99999999")], "not_a_time"),
        ([condition("contacted", "since", "2026-02-30")], "not_a_time"),
        ([condition("value1", "empty")] * 31, "no_conditions"),
    ],
)
def test_other_conditions_are_refused(conditions: object, code: str) -> None:
    with pytest.raises(segments.ConditionError) as refused:
        segments.validated(conditions)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("msisdn", "facts"),
    [
        ("27825550100", ("ZA", "mobile")),
        ("27215550100", ("ZA", "fixed_line")),
        ("14165550100", ("CA", "mobile")),
        ("12125550100", ("US", "mobile")),
        ("447911123456", ("GB", "mobile")),
        ("77015550100", ("KZ", "mobile")),
        ("4916090123456", ("DE", "mobile")),
        ("27800123456", ("ZA", "other")),
        ("99999999", ("", "other")),
    ],
)
def test_the_facts_of_a_number(msisdn: str, facts: tuple[str, str]) -> None:
    assert number_facts(msisdn) == facts


def test_an_import_and_the_form_of_a_contact_store_the_facts(customers: ContactList, client: Client) -> None:
    sheet = ContentFile(b"Phone\n082 555 0188\n+44 7911 123457\n")
    imported = importing.upload(customers, sheet, "a.csv")
    importing.confirm(imported, {0: "phone"})
    importing.check_rows(imported.pk)
    imported.refresh_from_db()
    importing.begin_apply(imported)
    importing.apply(imported.pk)
    assert matching(customers, condition("import", "equals", str(imported.pk))) == {"188", "457"}
    changed = customers.contacts.get(msisdn="447911123457")
    assert (changed.number_country, changed.number_kind) == ("GB", "mobile")
    client.post(f"/contacts/people/{changed.pk}/", {"phone": "021 555 0100"})
    changed.refresh_from_db()
    assert (changed.msisdn, changed.number_country, changed.number_kind) == ("27215550100", "ZA", "fixed_line")


# -- the page of the list ---------------------------------------------------------------------------------------------


FILTERS = [
    condition("value1", "starts_with", "tha"),
    condition("value2", "at_least", "100"),
    condition("country", "equals", "ZA"),
    condition("kind", "not_equals", "fixed_line"),
    condition("contacted", "not_since", "30"),
]


def test_the_form_and_the_conditions_say_the_same(customers: ContactList, client: Client) -> None:
    answer = client.get(f"/contacts/{customers.pk}/?{query_string(FILTERS)}")
    form: FilterForm = answer.context["filter"]
    assert form.conditions == FILTERS
    page = html_of(answer)
    for words in (
        "1 contact", "First name starts with “tha”", "Balance is a number of at least 100", "Country is South Africa",
        "Number type is not fixed line", "Not contacted in the last 30 days", "+27 82 555 0100", "Save as segment",
    ):  # fmt: skip
        assert words in page
    assert "+27 82 555 0101" not in page


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("value2_is=at_least&value2=much", "value2"),
        ("country=XX", "country"),
        ("contacted_is=since", "contacted_days"),
        ("contacted_is=since&contacted_days=3&contacted_on=2026-01-01", "contacted_days"),
        ("contacted_is=since&contacted_on=yesterday", "contacted_on"),
        ("value1_is=regex&value1=x", "value1_is"),
    ],
)
def test_a_filter_that_cannot_be_understood_is_refused_at_its_field(
    customers: ContactList, client: Client, query: str, field: str
) -> None:
    answer = client.get(f"/contacts/{customers.pk}/?{query}")
    assert list(answer.context["filter"].errors) == [field]
    assert "invalid-feedback" in answer.content.decode()


def test_the_whole_count_comes_when_the_page_ran_out_of_time(customers: ContactList, client: Client) -> None:
    answer = client.get(f"/contacts/{customers.pk}/count/?value1_is=not_empty")
    assert html_of(answer).strip() == '<span id="count" >4 contacts</span>'


def test_a_segment_is_saved_shown_changed_renamed_and_deleted(customers: ContactList, client: Client) -> None:
    at = f"/contacts/{customers.pk}/"
    query = query_string(FILTERS[:1])
    assert "First name starts with “tha”" in client.get(f"{at}segments/new/?{query}").content.decode()
    answer = client.post(f"{at}segments/new/?{query}", {"name": "Th"})
    segment = Segment.objects.get()
    assert (segment.name, segment.conditions, segment.list) == ("Th", FILTERS[:1], customers)
    assert segment.created_by is not None

    shown = client.get(answer["Location"], follow=True)
    assert shown.context["segment"] == segment
    assert not shown.context["segment_is_changed"]
    assert f'href="/contacts/segments/{segment.pk}/" aria-current="page"' in html_of(shown)
    assert "+27 82 555 0101" in shown.content.decode()

    changed = query_string(FILTERS[:2])
    assert "Save changes to Th" in html_of(client.get(f"{at}?segment={segment.pk}&{changed}"))
    page = html_of(client.get(f"/contacts/segments/{segment.pk}/edit/?{changed}"))
    assert "Until now:" in page
    client.post(f"/contacts/segments/{segment.pk}/edit/?{changed}", {"name": "Th"})
    client.post(f"/contacts/segments/{segment.pk}/edit/", {"name": "Thandis"})
    segment.refresh_from_db()
    assert (segment.name, segment.conditions) == ("Thandis", FILTERS[:2])

    client.post(f"/contacts/segments/{segment.pk}/delete/")
    assert not Segment.objects.exists()
    assert customers.contacts.count() == len(ROWS)


def test_a_name_is_taken_once_on_a_list(customers: ContactList, client: Client) -> None:
    Segment.objects.create(list=customers, name="Th", conditions=FILTERS[:1])
    answer = client.post(f"/contacts/{customers.pk}/segments/new/?{query_string(FILTERS)}", {"name": "Th"})
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"name": ["This list already has a segment with this name."]}


def test_a_segment_without_conditions_is_refused(customers: ContactList, client: Client) -> None:
    answer = client.post(f"/contacts/{customers.pk}/segments/new/", {"name": "All"}, follow=True)
    assert "Choose at least one condition" in answer.content.decode()
    assert not Segment.objects.exists()


def test_an_export_has_the_labels_as_headings_and_can_be_imported_again(customers: ContactList, client: Client) -> None:
    answer = client.get(f"/contacts/{customers.pk}/export/?format=csv&{query_string(FILTERS)}")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert lines == ["Number,Customer ID,First name,Balance,Own text", "27825550100,C1,Thandi,250,"]


def test_a_damaged_filter_exports_nothing(customers: ContactList, client: Client) -> None:
    answer = client.get(f"/contacts/{customers.pk}/export/?value2_is=at_least&value2=much")
    assert answer["Location"] == f"/contacts/{customers.pk}/?value2_is=at_least&value2=much"


def test_a_viewer_uses_segments_and_changes_none(customers: ContactList, viewer: User, logged_in: LogIn) -> None:
    segment = Segment.objects.create(list=customers, name="Th", conditions=FILTERS[:1])
    reading = logged_in(viewer)
    page = reading.get(f"/contacts/segments/{segment.pk}/", follow=True)
    assert "+27 82 555 0101" in page.content.decode()
    for words in ("Save as segment", "Rename or delete", "Delete from this list", "Export as"):
        assert words not in page.content.decode()
    for path in (f"{customers.pk}/segments/new/", f"segments/{segment.pk}/edit/", f"segments/{segment.pk}/delete/"):
        assert reading.post(f"/contacts/{path}").status_code == 403
    assert Segment.objects.get().name == "Th"
