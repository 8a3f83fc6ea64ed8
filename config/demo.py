"""What ``make demo`` shows: people, accounts at the sandbox, contacts, opt-outs, a campaign through each provider."""

import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.files import File
from django.utils import timezone

from campaigns import decisions, jobs
from campaigns.audience import freeze as audience_freeze
from campaigns.management.commands.balance import sheet
from campaigns.models import Campaign, CampaignList, Template
from campaigns.results import balance
from config import timing
from config.terminal import Step, say, step
from contacts import columns, importing, queues, suppression
from contacts import jobs as contacts_jobs
from contacts.models import ContactList, Import, Suppression
from providers.models import Account

ROLES = ("operator", "approver", "administrator")
LIST = "Customers"
LABELS = {"value1": "First name", "value2": "Balance"}
CAMPAIGN = "Sample campaign through {provider}"
ACCOUNT = "{provider} sandbox"
# The balance, not the name: some names have letters that GSM does not have, which is for people to find out.
TEXT = "Your balance is R @@value2|0@@. Our sale ends on Sunday: show this text for 20 % off. Reply STOP to opt out."
SHEET = Path(__file__).parent / "samples" / "customers.xlsx"
OPT_OUTS = 3
ENDED = (Campaign.Status.CLOSED, Campaign.Status.CANCELLED)


def main(url: str) -> None:
    """Create whatever the demo still lacks; a second run changes nothing."""
    sandbox = json.loads(os.environ["BATON_SANDBOX"])
    passwords = make_people(settings.DATA / "demo-logins.txt")
    people = {role: User.objects.get(username=role) for role in ROLES}
    contact_list, _ = ContactList.objects.get_or_create(name=LIST, defaults={"country": "ZA", "labels": LABELS})
    if not contact_list.imports.filter(status=Import.Status.DONE).exists():
        import_sheet(contact_list, people["operator"])
    if not Suppression.objects.exists():
        record_opt_outs(contact_list, people["operator"])
    campaigns = compose_all(sandbox, contact_list, people["operator"])
    run([campaign for campaign in campaigns if campaign.status not in ENDED], people)
    say()
    for campaign in campaigns:
        say(sheet(campaign, balance.of(campaign)))
    say(f"The sandbox texted {count_lines(Path(sandbox['ledger']))} messages in all: {sandbox['ledger']}")
    say()
    for role in ROLES:
        known = people[role].check_password(passwords.get(role, ""))
        say(f"  log in as {role:<14} password: {passwords[role] if known else 'the one you set'}")
    say(f"  The data is in {settings.DATA}.")
    say()


def make_people(kept: Path) -> dict[str, str]:
    """Make one person for each role; returns their passwords by user name, which stay the same from start to start."""
    if kept.exists():
        passwords = dict(line.split() for line in kept.read_text().splitlines())
    else:
        passwords = {role: secrets.token_hex(5) for role in ROLES}
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.writelines(f"{role} {password}\n" for role, password in passwords.items())
    for role in ROLES:
        user, is_new = User.objects.get_or_create(username=role, defaults={"email": f"{role}@example.org"})
        if is_new:
            user.set_password(passwords[role])
            user.is_staff = user.is_superuser = role == "administrator"
            user.save()
            user.groups.add(Group.objects.get(name=role))
    return passwords


def connect_account(slug: str, label: str, known: dict[str, Any]) -> Account:
    """Return the account at a sandbox provider, made if missing, with its server's key pinned if it has one.

    ``label`` is the name people know the provider by. ``known`` is what the sandbox says of the account: the fields of
    the adapter's form, and ``host_key``.
    """
    name = ACCOUNT.format(provider=label)
    account = Account.objects.filter(name=name).first() or Account(name=name, provider=slug)
    form = account.adapter.SettingsForm
    filled = form({field: known.get(field, made.initial) for field, made in form.base_fields.items()})
    if not filled.is_valid():
        raise SystemExit(f"The account's form refuses the sandbox: {filled.errors.as_text()}")
    key = " ".join(known.get("host_key", "").split()[:2])
    before = account.open_settings() if account.pk else {}
    if before != {**filled.cleaned_data, "host_key": key}:
        account.save_settings(filled.cleaned_data)
        account.host_key = key
        account.save()
    return account


def import_sheet(contact_list: ContactList, operator: User) -> None:
    """Bring the sample spreadsheet in, as an operator would: upload, take the guessed columns, import what is good."""
    with step(f"Importing {SHEET.name}") as shown:
        import_ = (
            contact_list.imports.exclude(status__in=(Import.Status.FAILED, Import.Status.CANCELLED))
            .order_by("id")
            .last()
        )
        if import_ is None:
            with SHEET.open("rb") as sheet_file:
                import_ = importing.upload(contact_list, File(sheet_file), SHEET.name, operator)
        if not import_.mapping:
            importing.confirm(import_, guessed_mapping(import_))
        queues.enqueue_once(contacts_jobs.check_import, import_.pk)
        follow(import_, {Import.Status.UPLOADED, Import.Status.CHECKING}, shown)
        if import_.status == Import.Status.CHECKED:
            importing.begin_apply(import_)
            queues.enqueue_once(contacts_jobs.apply_import, import_.pk)
        follow(import_, {Import.Status.APPLYING}, shown)
        if import_.status != Import.Status.DONE:
            raise SystemExit(f"The sample could not be imported. {import_.failure_sentence}")
        buckets = ("created", "duplicate", "opted_out", "invalid", "blank")
        counts = ", ".join(f"{getattr(import_, bucket):,} {bucket.replace('_', ' ')}" for bucket in buckets)
        shown.result = f"{import_.read:,} rows read, {counts}"


def guessed_mapping(import_: Import) -> dict[int, str]:
    """The mapping that the columns step proposes."""
    return columns.guess(import_.header, import_.samples, import_.contact_list.labels, import_.country).mapping


def follow(import_: Import, statuses: set[str], shown: Step) -> None:
    """Wait while the import is in one of ``statuses``, or until the time limit passes."""
    until = time.monotonic() + timing.DEMO_STEP
    while import_.status in statuses and time.monotonic() < until:
        time.sleep(timing.IMPORT_PAUSE)
        import_.refresh_from_db()
        shown.tick()


def record_opt_outs(contact_list: ContactList, operator: User) -> None:
    """Opt out the first few contacts of the list."""
    with step(f"Recording {OPT_OUTS} opt-outs"):
        numbers = contact_list.contacts.order_by("msisdn").values_list("msisdn", flat=True)[:OPT_OUTS]
        suppression.suppress(numbers, "manual", "Asked on the telephone", operator)


def compose_all(sandbox: dict[str, Any], contact_list: ContactList, operator: User) -> list[Campaign]:
    """Return one sample campaign for each provider of the sandbox, in its order. ``sandbox`` is its ready line."""
    campaigns = []
    for slug, known in sandbox["providers"].items():
        label = sandbox["labels"][slug]
        campaigns.append(compose(label, connect_account(slug, label, known), contact_list, operator))
    return campaigns


def compose(label: str, account: Account, contact_list: ContactList, operator: User) -> Campaign:
    """Return the provider's sample campaign, made from a campaign template if it does not exist yet."""
    name = CAMPAIGN.format(provider=label)
    existing = Campaign.objects.filter(name=name).order_by("id").first()
    if existing:
        return existing
    template, _ = Template.objects.get_or_create(
        name="Sale", defaults={"text": TEXT, "labels": LABELS, "created_by": operator}
    )
    fields = account.adapter.OptionsForm.base_fields
    options = account.adapter.OptionsForm({field: made.initial for field, made in fields.items()})
    assert options.is_valid(), options.errors
    campaign = Campaign.objects.create(
        name=name,
        account=account,
        template=template,
        text=template.text,
        sender="BATON",
        options=options.cleaned_data,
        created_by=operator,
    )
    CampaignList.objects.create(campaign=campaign, contact_list=contact_list, position=1)
    campaign.editors.add(operator)
    return campaign


def run(campaigns: list[Campaign], people: dict[str, User]) -> None:
    """Take campaigns from their current status to the end: the operator freezes, the approver approves, RQ works."""
    if not campaigns:
        return
    with step("Running a sample campaign through each provider") as shown:
        for campaign in campaigns:
            if campaign.status == Campaign.Status.DRAFT:
                audience_freeze.begin_freeze(campaign, people["operator"], timezone.now())
                queues.enqueue_once(jobs.freeze, campaign.pk)
        wait(campaigns, lambda campaign: campaign.status != Campaign.Status.FREEZING, shown)
        for campaign in campaigns:
            if campaign.status == Campaign.Status.DRAFT:
                raise SystemExit(f"{campaign} could not be frozen. {campaign.sentence}")
            if campaign.status == Campaign.Status.FROZEN:
                decisions.approve(campaign, people["approver"], campaign.approval_hash, timezone.now())
                queues.enqueue_once(jobs.create_batches, campaign.pk)
        wait(campaigns, lambda campaign: campaign.status in ENDED, shown)
        for campaign in campaigns:
            if campaign.status != Campaign.Status.CLOSED:
                shown.detail(f"{campaign} is {campaign.get_status_display().lower()}. {campaign.sentence}")


def wait(campaigns: list[Campaign], is_over: Callable[[Campaign], bool], shown: Step) -> None:
    """Print each change until each ends or needs a person, or the time limit passes."""
    until = time.monotonic() + timing.DEMO_STEP
    told: dict[int, str] = {}
    left = list(campaigns)
    while left and time.monotonic() < until:
        for campaign in list(left):
            campaign.refresh_from_db()
            books = balance.of(campaign)
            line = f"{campaign}: {campaign.get_status_display().lower()}"
            if books.batched:
                line += f", {books.settled:,} of {books.included:,} settled, {books.with_provider:,} with the provider"
            if told.get(campaign.pk) != line:
                shown.detail(line)
                told[campaign.pk] = line
            is_stuck = campaign.status in (Campaign.Status.DRAFT, Campaign.Status.HELD, Campaign.Status.PAUSED)
            if is_over(campaign) or is_stuck or books.needs_decision:
                left.remove(campaign)
        time.sleep(timing.CAMPAIGNS_PAUSE)


def count_lines(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as handle:
        return sum(1 for _ in handle)
