"""Who did what, when, from where, before and after: each kind of act leaves an entry, and none holds a secret."""

from io import StringIO
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from audit.changes import Change, changes_of, in_words
from audit.models import AuditEntry
from campaigns import decisions
from campaigns.lifecycle import transition
from campaigns.models import Campaign, Template
from contacts import suppression
from contacts.audit_log import record
from contacts.models import Suppression
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign
from tests.conftest import PASSWORD, MakeUser, signed_in

Action = AuditEntry.Action
ADDRESS = "198.51.100.7"


@pytest.fixture
def client(administrator: User) -> Client:
    """A superuser who has just logged in, at ADDRESS."""
    administrator.is_staff = administrator.is_superuser = True
    administrator.save()
    found = signed_in(administrator, minutes=0)
    found.defaults["REMOTE_ADDR"] = ADDRESS
    return found


def latest(model: str, action: int = Action.UPDATE) -> AuditEntry:
    return AuditEntry.objects.filter(content_type__model=model, action=action).latest("id")


def told(entry: AuditEntry) -> dict[str, tuple[str, str]]:
    return {change.field: (change.before, change.after) for change in changes_of(entry)}


def test_a_person_and_their_role(client: Client, operator: User) -> None:
    role = Group.objects.get(name="approver")
    data = {"username": "operator", "email": "new@example.org", "role": role.pk}
    answer = client.post(f"/admin/auth/user/{operator.pk}/change/", data)
    assert answer.status_code == 302
    entries = AuditEntry.objects.filter(content_type__model="user", object_id=operator.pk, action=Action.UPDATE)
    changes: list[tuple[str, str]] = []
    for entry in entries.filter(remote_addr=ADDRESS):
        assert (entry.actor_name, entry.object_repr) == ("administrator", "operator")
        changes += told(entry).values()
    assert set(changes) == {("operator@example.org", "new@example.org"), ("", "approver"), ("operator", "")}


def test_a_password_is_only_said_to_have_changed(operator: User) -> None:
    operator.set_password("another long password")
    operator.save()
    assert told(latest("user")) == {"password": ("hidden", "hidden")}
    assert operator.password not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


def test_a_second_step(client: Client, operator: User) -> None:
    Authenticator.objects.create(user=operator, type=Authenticator.Type.TOTP, data={"secret": "sesame"})
    assert "sesame" not in str(latest("authenticator", Action.CREATE).changes)
    client.post(reverse("people:second_step", args=[operator.pk]))
    entry = latest("authenticator", Action.DELETE)
    assert (entry.actor_name, entry.remote_addr, told(entry)["user"]) == ("administrator", ADDRESS, ("operator", ""))


def test_the_permissions_of_a_group(operator: User) -> None:
    group = Group.objects.get(name="viewer")
    permission = group.permissions.earliest("pk")
    group.permissions.remove(permission)
    assert told(latest("group")) == {"permissions": (str(permission), "")}


def test_an_account(account: Account) -> None:
    account.files_an_hour = 7
    account.save()
    assert told(latest("account")) == {"files an hour": ("", "7")}
    before = dict(account.settings)
    account.save_settings({**before, "password": ""})
    assert "secrets" not in told(latest("account"))
    account.save_settings({**before, "password": "open sesame"})
    assert told(latest("account"))["secrets"] == ("hidden", "hidden")
    assert "open sesame" not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


def test_a_template(client: Client) -> None:
    template = Template.objects.create(name="Sale", text="Hello")
    data = {"name": "Sale", "text": "Hi", "sender": ""}
    assert client.post(template.get_absolute_url(), data).status_code == 302
    entry = latest("template")
    assert (entry.actor_name, entry.remote_addr, told(entry)["text"]) == ("administrator", ADDRESS, ("Hello", "Hi"))
    client.post(reverse("campaigns:template_delete", args=[template.pk]))
    assert told(latest("template", Action.DELETE))["name"] == ("Sale", "")


def test_a_campaign(account: Account, make_campaign: MakeCampaign, operator: User) -> None:
    campaign = make_campaign(account)
    assert told(latest("campaign", Action.CREATE))["text"] == ("", campaign.text)
    campaign.sender = "Baton"
    campaign.save(update_fields=["sender"])
    assert told(latest("campaign")) == {"sender": ("", "Baton")}
    decisions.cancel(campaign, operator)
    entry = latest("campaign")
    assert (entry.actor_name, told(entry)["status"]) == ("operator", ("draft", "cancelled"))


def test_names_have_no_phone_numbers_and_texts_stay(account: Account, make_campaign: MakeCampaign) -> None:
    template = Template.objects.create(name="2026-11-28: call +27 82 555 0100", text="Call 27825550100")
    entry = latest("template", Action.CREATE)
    assert (entry.object_repr, told(entry)["name"]) == (
        "2026-11-28: call (a number)", ("", "2026-11-28: call (a number)"),
    )  # fmt: skip
    assert told(entry)["text"] == ("", "Call 27825550100")
    make_campaign(account, name="27825550100")
    assert latest("campaign", Action.CREATE).object_repr == "(a number)"
    entry = record(template, Action.UPDATE, {"lists": ("27825550100", "1000000")}, name=f"template {template.pk}")
    assert (entry.object_repr, entry.changes_dict) == (
        f"template {template.pk}", {"lists": ["(a number)", "(a number)"]},
    )  # fmt: skip
    User.objects.create(username="27825550100")
    assert latest("user", Action.CREATE).object_repr == "27825550100"


def test_the_lists_of_a_draft(client: Client, account: Account, make_campaign: MakeCampaign, make_list: Any) -> None:
    draft = make_campaign(account)
    other = make_list(name="Other", first=27825550900)
    address = reverse("campaigns:recipients_step", args=[draft.pk])
    before = draft.campaignlist_set.get().name
    client.post(address, {"name": draft.name, "lists": [str(other.pk)]})
    assert told(latest("campaign"))["lists"] == (before, "Other")


def test_what_baton_does_by_itself_is_in_the_history_only(account: Account, make_running: Any) -> None:
    campaign: Campaign = make_running(account)
    before = AuditEntry.objects.count()
    transition(campaign, "paused", reason="no_progress", sentence="Nothing happened.")
    suppression.suppress(["27825550100"], Suppression.Source.PROVIDER)
    assert AuditEntry.objects.count() == before


def test_opt_outs(operator: User) -> None:
    suppression.suppress(["27825550100"], "manual", "Phoned 27825550100", operator)
    row = Suppression.objects.get()
    entry = latest("suppression", Action.CREATE)
    assert (entry.object_id, entry.actor_name, entry.object_repr) == (row.pk, "operator", f"opt-out {row.pk}")
    suppression.opt_back_in("27825550100", "Wrote", operator)
    assert told(latest("suppression")) == {"status": ("opted out", "opted back in")}
    call_command("opt_out", "0825550101", "0825550102", stdout=StringIO())
    entry = latest("suppression", Action.CREATE)
    assert (entry.actor, told(entry)) == (None, {"opt-outs": ("", "2"), "source": ("", "command")})
    assert "555" not in str(list(AuditEntry.objects.values_list("changes", "object_repr")))


def test_logins(operator: User) -> None:
    cache.clear()
    client = Client(REMOTE_ADDR=ADDRESS)

    def log_in(name: str, password: str) -> None:
        client.post(reverse("account_login"), {"login": name, "password": password})

    log_in("operator", "wrong")
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.object_repr, entry.actor) == (Action.LOGIN_FAILED, "operator", None)
    assert (entry.remote_addr, told(entry)) == (ADDRESS, {"reason": ("", "wrong password")})

    log_in("My secret password", "x")
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.object_repr) == (Action.LOGIN_FAILED, "unknown name")
    assert "secret" not in f"{entry.changes} {entry.object_repr}"

    log_in("operator", PASSWORD)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor, entry.actor_name) == (Action.LOGIN, operator, "operator")
    assert entry.remote_addr == ADDRESS

    client.post(reverse("account_logout"))
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor_name, entry.remote_addr) == (Action.LOGOUT, "operator", ADDRESS)
    assert AuditEntry.objects.filter(action__in=(Action.LOGIN, Action.LOGOUT, Action.LOGIN_FAILED)).count() == 4


def test_a_wrong_code(operator: User, make_user: MakeUser) -> None:
    cache.clear()
    Authenticator.objects.create(
        user=operator, type=Authenticator.Type.TOTP, data={"secret": get_adapter().encrypt("JBSWY3DPEHPK3PXP")}
    )
    client = Client(REMOTE_ADDR=ADDRESS)
    client.post(reverse("account_login"), {"login": "operator", "password": PASSWORD})
    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.object_repr, entry.remote_addr) == (Action.LOGIN_FAILED, "operator", ADDRESS)
    assert "wrong code" in in_words(entry)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["None", "x"], Change("some field", "", "x")),
        (["x", "None"], Change("some field", "x", "")),
        ({"type": "m2m", "operation": "add", "objects": ["a", "b"]}, Change("some field", "", "a, b")),
        ({"type": "m2m", "operation": "delete", "objects": ["a"]}, Change("some field", "a", "")),
    ],
)
def test_changes_are_read_from_both_forms(value: Any, expected: Change) -> None:
    assert changes_of(AuditEntry(changes={"some_field": value})) == [expected]


def test_a_long_value_is_cut_in_the_list() -> None:
    assert str(Change("text", "a" * 100, "b\nc")) == f"text: {'a' * 39}… → b c"
    assert str(Change("text", "", "b")) == "text: b"
