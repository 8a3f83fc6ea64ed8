"""The contract of every adapter; a new one in providers/adapters is tested automatically."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django import forms

from providers import gsm, registry, timing
from providers.base import Attempt, BaseAdapter, CampaignSpec, Ending, Message, Observation, ProviderState, Staged
from providers.limits import GuardKind
from providers.transports.http import HttpTransport

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEM = "c1-b1-g1-0a1b2c3d"


@pytest.fixture(params=sorted(registry.all_adapters()))
def adapter(request: pytest.FixtureRequest) -> BaseAdapter:
    return registry.adapter(request.param)


def spec(adapter: BaseAdapter) -> CampaignSpec:
    return CampaignSpec("Hi @@value1@@", "", options=defaults(adapter.OptionsForm))


def defaults(form: type[forms.Form]) -> dict[str, object]:
    return {name: field.initial for name, field in form.base_fields.items()}


def message(number: int, text: str = "Hi Bob") -> Message:
    return Message(f"2782555{number:04}", text, {"value1": text[3:]}, "", "", f"r{number}")


def test_its_name_is_its_file_name(adapter: BaseAdapter) -> None:
    assert adapter.slug
    assert registry.all_adapters()[adapter.slug] is type(adapter)
    assert type(adapter).__module__.split(".")[2] == adapter.slug


def test_it_declares_everything_that_people_need_to_know(adapter: BaseAdapter) -> None:
    assert adapter.label
    assert adapter.accepted_means
    assert adapter.limits.rows > 0
    assert adapter.limits.bytes > 0
    assert adapter.limits.connections >= 1
    assert adapter.limits.alphabet in ("gsm", "gsm+ucs2")
    assert adapter.give_up_after > timedelta(0)


def test_a_guard_by_key_has_a_window_and_a_pause(adapter: BaseAdapter) -> None:
    if adapter.guard.kind is GuardKind.KEY:
        assert adapter.guard.window > adapter.give_up_after
        assert adapter.guard.pause > timedelta(0)


def test_secrets_are_password_fields_and_nothing_else_is(adapter: BaseAdapter) -> None:
    for name, field in adapter.SettingsForm.base_fields.items():
        is_secret = any(word in name for word in ("password", "secret", "token"))
        assert isinstance(field.widget, forms.PasswordInput) == is_secret, name
        assert name not in ("name", "is_active", "host_key", "allow_private_hosts")


def test_an_account_can_set_the_time_limits_of_a_slow_server(adapter: BaseAdapter) -> None:
    limits = {name: field for name, field in adapter.SettingsForm.base_fields.items() if name.endswith("_seconds")}
    assert {"connect_seconds", "reply_seconds"} <= set(limits)
    longest: dict[str, int] = {}
    for name, field in limits.items():
        assert isinstance(field, forms.IntegerField)
        assert isinstance(field.min_value, int)
        assert isinstance(field.max_value, int)
        assert field.clean("") is None
        for beyond in (field.min_value - 1, field.max_value + 1):
            with pytest.raises(forms.ValidationError):
                field.clean(beyond)
        longest[name] = field.max_value
    if adapter.transport_for({}) is HttpTransport:
        # TLS may take as long as connecting.
        assert 2 * longest["connect_seconds"] + longest["reply_seconds"] < timing.HTTP_TOTAL_SECONDS
    else:
        # The login may take as long as two replies.
        wait = longest["connect_seconds"] + longest["greeting_seconds"] + 3 * longest["reply_seconds"]
        assert wait < min(timing.FTP_TOTAL_SECONDS, timing.SFTP_TOTAL_SECONDS)
        assert longest["reply_seconds"] < timing.FTP_CLOSING_SECONDS
    # Nothing that an approval covers, or that clears a confirmed key, depends on them.
    settings = {name: f"<{name}>" for name in adapter.SettingsForm.base_fields}
    assert adapter.host(settings) == adapter.host(settings | longest)
    assert adapter.login(settings) == adapter.login(settings | longest)


def test_host_and_login_never_hold_a_secret(adapter: BaseAdapter) -> None:
    settings = {name: f"<{name}>" for name in adapter.SettingsForm.base_fields}
    for shown in (adapter.host(settings), adapter.login(settings)):
        assert shown
        assert "password" not in shown


def test_an_empty_options_form_is_valid(adapter: BaseAdapter) -> None:
    form = adapter.OptionsForm({})
    assert form.is_valid(), form.errors


def test_the_same_input_gives_the_same_bytes(adapter: BaseAdapter) -> None:
    people = [message(number) for number in range(50)]
    first = adapter.render(STEM, 7, spec(adapter), people)
    assert first == adapter.render(STEM, 7, spec(adapter), people)
    assert first.stem == STEM
    assert first.key == 7
    assert STEM in first.name
    assert first.body


def test_other_people_give_other_bytes(adapter: BaseAdapter) -> None:
    one = adapter.render(STEM, 7, spec(adapter), [message(1)])
    assert adapter.render(STEM, 7, spec(adapter), [message(2)]).body != one.body
    assert adapter.render(STEM, 7, spec(adapter), [message(1, "Hi Ann")]).body != one.body


def test_a_full_batch_of_long_texts_is_within_the_limit_of_bytes(adapter: BaseAdapter) -> None:
    people = [message(number % 10_000, f"Hi {number}") for number in range(adapter.limits.rows)]
    assert len(adapter.render(STEM, 7, spec(adapter), people).body) <= adapter.limits.bytes


def test_attempt_names_contain_the_stem(adapter: BaseAdapter) -> None:
    payload = adapter.render(STEM, 7, spec(adapter), [message(1)])
    for number in (1, 2, 11):
        assert STEM in adapter.attempt_name(payload, number)


def test_plain_texts_have_no_problem_and_empty_ones_do(adapter: BaseAdapter) -> None:
    assert adapter.spec_problems(spec(adapter)) == []
    assert adapter.problems(spec(adapter), message(1)) == []
    assert adapter.problems(spec(adapter), message(1, ""))


def test_texts_outside_its_alphabet_are_named(adapter: BaseAdapter) -> None:
    found = adapter.problems(spec(adapter), message(1, "Hi 中"))
    if adapter.limits.alphabet == "gsm":
        assert [problem.characters for problem in found if problem.characters] == ["中"]
    for problem in found:
        assert problem.code
        assert problem.sentence


def test_a_text_is_refused_for_exactly_the_characters_that_are_lacking(adapter: BaseAdapter) -> None:
    choices: list[dict[str, Any]] = [
        {},
        {"encoding": "cp1252"},
        {"charset": "utf-8"},
        {"unicode": True},
        {"alphabet": "16bit"},
    ]
    for chosen in choices:
        order = CampaignSpec("Hi @@value1@@", "", options=defaults(adapter.OptionsForm) | chosen)
        for character in gsm.BASIC + gsm.EXTENSION + "ë’中😀\x1b":
            text = f"Hi{character}you"
            found = adapter.problems(order, message(1, text))
            assert adapter.lacking(order, text) == (character if found and character != "\n" else ""), (chosen, found)


@pytest.mark.parametrize("ending", list(Ending))
def test_nothing_seen_is_never_a_result(adapter: BaseAdapter, ending: Ending) -> None:
    payload = adapter.render(STEM, 7, spec(adapter), [message(1)])
    attempts = [Attempt(1, adapter.attempt_name(payload, 1), "host", Staged(), NOON, ending=ending)]
    assert adapter.interpret(payload, attempts, []).state is ProviderState.UNKNOWN
    interpretation = adapter.interpret(payload, attempts, [Observation(NOON, ("host",))])
    assert interpretation.state in (ProviderState.UNKNOWN, ProviderState.ABSENT)
    assert interpretation.outcomes == ()


def test_it_declares_how_results_come_back_and_what_guards_against_duplicates(adapter: BaseAdapter) -> None:
    assert adapter.evidence
    assert adapter.guard_words


def test_it_counts_what_a_text_costs(adapter: BaseAdapter) -> None:
    assert adapter.measure(spec(adapter), "").parts == 0
    assert adapter.measure(spec(adapter), "Hi Bob") == gsm.Measure("gsm", 6, 1)
    assert adapter.measure(spec(adapter), "a" * 161).parts == 2
    assert adapter.measure(spec(adapter), "中").alphabet == "ucs2"


def test_no_secret_and_no_address_of_ours_is_in_the_bytes(adapter: BaseAdapter) -> None:
    kept = CampaignSpec("Hi @@value1@@", "", options=defaults(adapter.OptionsForm), account={"username": "somebody"})
    payload = adapter.render(STEM, 7, kept, [message(1)])
    assert b"somebody" not in payload.body
    assert payload == adapter.render(STEM, 7, spec(adapter), [message(1)])


def test_texts_with_every_character_of_a_form_survive_or_are_refused(adapter: BaseAdapter) -> None:
    for text in (
        "to:27825550100",
        "api_id:1",
        'a,b;c|d"e',
        "a\\b",
        "a\nb",
        "#field1#",
        "@@value1@@",
        "€",
        "\r",
        "\x00",
    ):
        found = adapter.problems(spec(adapter), message(1, text))
        assert all(problem.sentence and problem.code for problem in found)
        if not found:
            adapter.render(STEM, 7, spec(adapter), [message(1, text)])


def test_what_was_refused_or_never_arrived_is_no_result(adapter: BaseAdapter) -> None:
    payload = adapter.render(STEM, 7, spec(adapter), [message(1)])
    attempts = [
        Attempt(number, adapter.attempt_name(payload, number), "host", Staged(), NOON, NOON, ending)
        for number, ending in enumerate((Ending.REFUSED, Ending.UNREACHABLE, Ending.UNCLEAR), start=1)
    ]
    interpretation = adapter.interpret(
        payload, attempts, [Observation(NOON, ("host",)), Observation(NOON + timedelta(hours=1), ("host",))]
    )
    assert interpretation.state in (ProviderState.UNKNOWN, ProviderState.ABSENT)
    assert interpretation.outcomes == ()
