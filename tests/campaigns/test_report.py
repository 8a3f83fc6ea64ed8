"""The printed report of a campaign: the whole story on paper."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.lifecycle import record_event, transition
from campaigns.models import Batch, Campaign
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, count_causes
from tests.pages import html_of

LogIn = Callable[[User], Client]


@pytest.fixture
def finished(account: Account, make_running: MakeCampaign, make_list: Callable[..., ContactList]) -> Campaign:
    """A campaign with one of its five numbers refused."""
    campaign = make_running(account, make_list(count=5), make_list("VIP", count=1))
    batch = campaign.batches.get()
    now = timezone.now()
    for step in ("uploading", "committing", "handed_over", "accepted"):
        transition(batch, step, handed_over_at=now, settled_at=now)
    Batch.objects.update(row_errors=1, provider_ref="ref-4711")
    batch.outcomes.create(
        recipient=campaign.recipients.included()[0], result="row_error", code="MSISDN.Optout", sentence="Opted out."
    )
    count_causes(campaign)
    transition(campaign, "closed", closed_at=now)
    return campaign


def test_it_tells_what_happened_to_whom_and_who_decided(finished: Campaign, viewer: User, logged_in: LogIn) -> None:
    page = html_of(logged_in(viewer).get(f"/campaigns/{finished.pk}/report/"))
    batch = finished.batches.get()
    for words in (
        "Finished: 1 of 5 failed",
        "<b>6</b> selected − <b>1</b> already on an earlier list = <b>5</b> recipients",
        '<td>Accepted</td> <td class="figure">4</td>',
        "All accounted for",
        "MSISDN.Optout",
        '<span class="field-chip">First name',
        batch.name,
        batch.sha256,
        "Reference of the provider: ref-4711",
        "approver approved it",
        "operator submitted it for approval",
        finished.approval_hash,
        "data-print",
    ):
        assert words in page, words
    # Nothing about Baton's own steps, and no approval of one's own.
    assert "handed over 1 file" not in page
    assert "approved by the person who made" not in page
    assert f"/campaigns/{finished.pk}/report/" in html_of(logged_in(viewer).get(f"/campaigns/{finished.pk}/"))


def test_it_has_the_decisions_about_files_with_their_reasons(
    finished: Campaign, approver: User, viewer: User, logged_in: LogIn
) -> None:
    batch = finished.batches.get()
    for reason, why in (("released", "Checked by phone."), ("cancelled", "Too late."), ("decided", "In their log.")):
        record_event(finished, reason, why, user=approver, batch=batch)
    page = html_of(logged_in(viewer).get(f"/campaigns/{finished.pk}/report/"))
    for words in (
        f'approver released file {batch.number} <br><span class="quiet">Checked by phone.</span>',
        f'approver cancelled file {batch.number} <br><span class="quiet">Too late.</span>',
        f'approver decided about file {batch.number} <br><span class="quiet">In their log.</span>',
    ):
        assert words in page, words
    assert "handed over 1 file" not in page


def test_it_flags_an_approval_of_ones_own_and_names_tests_and_the_chain(
    finished: Campaign, viewer: User, logged_in: LogIn
) -> None:
    Campaign.objects.filter(pk=finished.pk).update(is_self_approved=True)
    Campaign.objects.create(name="Test of it", kind="test", test_of=finished)
    Campaign.objects.create(name="Again", follows=finished, chain_root=finished)
    page = html_of(logged_in(viewer).get(f"/campaigns/{finished.pk}/report/"))
    for words in ("approved by the person who made", "Test handovers", "Test of it", "campaigns of the chain", "Again"):
        assert words in page, words


def test_a_draft_has_no_report(account: Account, make_campaign: MakeCampaign, viewer: User, logged_in: LogIn) -> None:
    assert logged_in(viewer).get(f"/campaigns/{make_campaign(account).pk}/report/").status_code == 404
