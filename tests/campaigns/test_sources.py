"""Who is chosen and excluded: the check of a draft, the freeze and a plain Python oracle agree."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns.audience import check, sources
from campaigns.audience.texts import compile_text
from campaigns.models import Batch, Campaign, CampaignExclusion, CampaignList, Recipient, RecipientOutcome
from contacts import deleting
from contacts.errors import Refusal
from contacts.models import Contact, ContactList, Import, Segment
from contacts.suppression import suppress
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze

pytestmark = pytest.mark.postgresql

NUMBERS = [str(27825550100 + n) for n in range(12)]
TOWNS = ("Cape Town", "Paarl", "")
TEXT = "Hi @@value1@@, 20 % off in @@value2|town@@. Reply STOP to opt out."


class World:
    """Lists, segments, opt-outs and earlier campaigns, in the database and in plain Python."""

    def __init__(self, seed: int, account: Account, user: User, now: datetime) -> None:
        self.random = random.Random(seed)
        self.account, self.user, self.now = account, user, now
        self.lists = [self._list(f"List {n}") for n in range(3)]
        self.segments = [
            Segment.objects.create(
                list=self.random.choice(self.lists),
                name=f"Segment {n}",
                conditions=[{"field": "value2", "is": "equals", "value": TOWNS[n]}],
            )
            for n in range(2)
        ]
        self.opted_out = set(self._some(2))
        suppress(list(self.opted_out), "manual")
        #: The numbers that a file of each campaign texted, and how many days ago.
        self.texted: list[tuple[set[str], int]] = []
        self.earlier = [self._earlier(n) for n in range(2)]

    def _some(self, most: int) -> list[str]:
        return self.random.sample(NUMBERS, self.random.randint(0, most))

    def _list(self, name: str) -> ContactList:
        made = ContactList.objects.create(name=name, country="ZA", labels={"value1": "First name", "value2": "Town"})
        Contact.objects.bulk_create(
            Contact(
                list=made,
                msisdn=msisdn,
                value1=self.random.choice(("Thandi", "Sipho", "")),
                value2=self.random.choice(TOWNS),
                message=self.random.choice(("", "", "Just for you. Reply STOP to opt out.")),
            )
            for msisdn in self._some(9)
        )
        return made

    def _earlier(self, number: int) -> Campaign:
        campaign = Campaign.objects.create(name=f"Earlier {number}", account=self.account, created_by=self.user)
        days = self.random.choice((2, 20))
        status = self.random.choice(("accepted", "unclear", "rejected"))
        batch = Batch.objects.create(
            campaign=campaign, account=self.account, number=1, stem=f"e{number}", key=number, name="e", payload="e",
            sha256="", size=1, rows=1, parts=1, status=status, first_intent_at=self.now - timedelta(days=days),
        )  # fmt: skip
        texted, included = set(), set()
        for chosen in self.lists:
            for contact in chosen.contacts.all():
                if contact.msisdn in included or self.random.random() < 0.5:
                    continue
                reason = self.random.choice(("", "", "opted_out"))
                waits = bool(reason) or self.random.random() < 0.2
                recipient = Recipient.objects.create(
                    campaign=campaign, list_id=chosen.pk, contact_id=contact.pk, msisdn=contact.msisdn,
                    excluded_reason=reason, batch_number=None if waits else 1,
                )  # fmt: skip
                if not reason:
                    included.add(contact.msisdn)
                failed = not waits and self.random.random() < 0.2
                if failed:
                    RecipientOutcome.objects.create(batch=batch, recipient=recipient, result="row_error")
                if not waits and not failed and status != "rejected":
                    texted.add(contact.msisdn)
        self.texted.append((texted, days))
        return campaign

    def campaign(self) -> Campaign:
        """A draft with sources and exclusions of every kind."""
        made = Campaign.objects.create(
            name="New", account=self.account, text=TEXT, created_by=self.user,
            not_texted_for_days=self.random.choice((None, 7, 30)),
        )  # fmt: skip
        rows = [CampaignList(contact_list=chosen) for chosen in self.lists]
        rows += [CampaignList(contact_list=chosen.list, segment=chosen) for chosen in self.segments]
        rows += [CampaignList(contact_list=self.lists[0], of_campaign=chosen) for chosen in self.earlier]
        for position, row in enumerate(self.random.sample(rows, self.random.randint(1, 5)), start=1):
            row.campaign, row.position = made, position
            row.save()
        exclusions = [
            CampaignExclusion(campaign=made, contact_list=self.random.choice(self.lists)),
            CampaignExclusion(campaign=made, segment=self.random.choice(self.segments)),
            CampaignExclusion(campaign=made, of_campaign=self.random.choice(self.earlier)),
        ]
        CampaignExclusion.objects.bulk_create(self.random.sample(exclusions, self.random.randint(0, 2)))
        return made

    def expected(self, campaign: Campaign) -> list[tuple[int, str, str]]:
        """``(list, number, reason)`` of everybody whom the campaign chooses, in order."""
        excluded = {
            contact.msisdn
            for exclusion in campaign.exclusions.all()
            for chosen in self.lists
            for contact in chosen.contacts.all()
            if exclusion.contact_list_id == chosen.pk or (exclusion.segment and is_in(exclusion.segment, contact))
        }
        for exclusion in campaign.exclusions.all():
            if exclusion.of_campaign:
                people = exclusion.of_campaign.recipients.all()
                excluded |= {each.msisdn for each in people if not each.excluded_reason}
        days = campaign.not_texted_for_days or 0
        recent = {msisdn for numbers, ago in self.texted if ago < days for msisdn in numbers}
        found: list[tuple[int, str, str]] = []
        for row in campaign.campaignlist_set.order_by("position"):
            for contact in sorted(row.contact_list.contacts.all(), key=lambda contact: contact.msisdn):
                if row.segment and not is_in(row.segment, contact):
                    continue
                if row.of_campaign and not any(
                    (each.list_id, each.msisdn, each.excluded_reason) == (row.contact_list_id, contact.msisdn, "")
                    for each in row.of_campaign.recipients.all()
                ):
                    continue
                reason = ""
                if contact.msisdn in {msisdn for _, msisdn, _ in found}:
                    reason = "duplicate"
                elif contact.msisdn in self.opted_out:
                    reason = "opted_out"
                elif contact.msisdn in excluded:
                    reason = "excluded_list"
                elif contact.msisdn in recent:
                    reason = "recently_contacted"
                elif not contact.value1 and not contact.message:
                    reason = "missing_field"
                found.append((row.contact_list.pk, contact.msisdn, reason))
        return found


def is_in(segment: Segment, contact: Contact) -> bool:
    return contact.list_id == segment.list_id and contact.value2 == segment.conditions[0]["value"]


@pytest.mark.parametrize("seed", range(10))
def test_check_freeze_and_oracle_agree_on_every_kind_of_source(
    account: Account, operator: User, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CHUNK", 3)
    world = World(seed, account, operator, timezone.now())
    campaign = world.campaign()
    expected = world.expected(campaign)
    reasons = Counter(reason for _, _, reason in expected)
    included = [(list_id, msisdn) for list_id, msisdn, reason in expected if not reason]

    text = compile_text(TEXT)
    audience = check.check_audience(campaign)
    draft = [(row.list_id, row.msisdn) for row in sources.draft_recipients(campaign, text, 0, 100)]
    one_by_one = [
        (row.list_id, row.msisdn)
        for skip in range(len(included) + 1)
        for row in sources.draft_recipients(campaign, text, skip, 1)
    ]
    assert (audience.selected, audience.included) == (len(expected), reasons[""])
    assert Counter(audience.excluded) + Counter({"": audience.included}) == reasons
    assert draft == one_by_one == included

    campaign = freeze(campaign, operator)
    if not included:
        assert campaign.reason == "empty_audience"
        return
    frozen = campaign.recipients.order_by("id").values_list("list_id", "msisdn", "excluded_reason")
    assert list(frozen) == expected
    assert campaign.counts["selected"] == len(expected)
    assert Counter(campaign.counts["excluded"]) + Counter({"": campaign.counts["included"]}) == reasons


def test_copying_never_reads_all_recipients_for_a_range(
    account: Account,
    operator: User,
    make_campaign: MakeCampaign,
    make_list: Callable[..., ContactList],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "CHUNK", 3)
    campaign = make_campaign(account, make_list("First", count=8), make_list("Second", count=4))

    with CaptureQueriesContext(connection) as captured:
        freeze(campaign, operator)

    copies = [query["sql"] for query in captured if query["sql"].startswith("INSERT INTO campaigns_recipient")]
    # The numbers of the first list can have no duplicates.
    assert ['FROM "campaigns_recipient"' in sql for sql in copies] == [False] * 3 + [True] * 2
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM pg_stats WHERE tablename = 'campaigns_recipient'")
            # Without them it would join each range with all recipients.
            assert cursor.fetchone()[0]


def test_a_number_is_included_once_and_excluded_any_number_of_times(
    account: Account, operator: User, make_campaign: MakeCampaign, make_list: Callable[..., ContactList]
) -> None:
    lists = [make_list(name, count=1) for name in ("First", "Second", "Third")]
    frozen = freeze(make_campaign(account, *lists), operator)
    assert list(frozen.recipients.order_by("id").values_list("excluded_reason", flat=True)) == [
        "", "duplicate", "duplicate",
    ]  # fmt: skip

    for refused in (
        lambda: frozen.recipients.filter(excluded_reason="duplicate").update(excluded_reason=""),
        lambda: frozen.recipients.create(list_id=1, contact_id=1, msisdn="27825550100"),
    ):
        with pytest.raises(IntegrityError, match="nobody_is_texted_twice_in_a_campaign"), transaction.atomic():
            refused()


def test_counting_is_one_query_for_each_source(
    account: Account, operator: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    world = World(1, account, operator, timezone.now())
    rows = [CampaignList(contact_list=chosen) for chosen in world.lists]
    chosen = sources.Sources(rows, [CampaignExclusion(of_campaign=world.earlier[0])], 7)

    # One more finds the campaigns that have handed something over lately.
    with django_assert_num_queries(4):
        chosen.count_reasons(compile_text("Hi"))


def test_labels_and_imports_of_every_list_count(
    account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList]
) -> None:
    one, other = make_list("One"), make_list("Other", first=27835550100)
    ContactList.objects.filter(pk=other.pk).update(labels={"value1": "Balance"})
    segment = Segment.objects.create(list=other, name="All", conditions=[])
    campaign = make_campaign(account, one)
    row = CampaignList.objects.create(campaign=campaign, contact_list=other, segment=segment, position=7)
    with pytest.raises(Refusal, match="different things"):
        check.check_audience(campaign)

    row.delete()
    CampaignExclusion.objects.create(campaign=campaign, segment=segment)
    assert check.check_audience(campaign).excluded == {}

    Import.objects.create(list=other, file="x.csv", original_name="x.csv", country="ZA", status="applying")
    with pytest.raises(Refusal, match="import into Other is running"):
        check.check_audience(campaign)


def test_a_damaged_segment_is_refused(
    account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList], operator: User
) -> None:
    campaign = make_campaign(account, make_list())
    segment = Segment.objects.create(list=ContactList.objects.get(), name="Odd", conditions=[{"field": "x"}])
    CampaignList.objects.update(segment=segment)
    with pytest.raises(Refusal):
        check.check_audience(campaign)

    campaign = freeze(campaign, operator)

    assert (campaign.status, campaign.reason) == ("draft", "unknown_test")


@pytest.mark.parametrize("table", [CampaignList, CampaignExclusion])
def test_what_a_campaign_uses_is_not_deleted(
    account: Account,
    make_campaign: MakeCampaign,
    make_list: Callable[..., ContactList],
    operator: User,
    logged_in: Callable[[User], Client],
    table: type[CampaignList | CampaignExclusion],
) -> None:
    chosen = make_list("Other")
    segment = Segment.objects.create(list=chosen, name="Cape Town", conditions=[])
    campaign = make_campaign(account, make_list("Customers"), name="Autumn offer")
    more = {"contact_list": chosen, "position": 9} if table is CampaignList else {}
    row = table.objects.create(campaign=campaign, segment=segment, **more)
    client = logged_in(operator)

    page = client.post(reverse("contacts:segment_delete", args=[segment.pk]), follow=True)
    assert "the campaign “Autumn offer”" in page.content.decode()
    with pytest.raises(Refusal, match="the campaign “Autumn offer” chose or excluded"):
        deleting.delete_list(chosen)

    row.delete()
    client.post(reverse("contacts:segment_delete", args=[segment.pk]))
    assert not Segment.objects.exists()
