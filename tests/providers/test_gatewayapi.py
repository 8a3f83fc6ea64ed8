"""GatewayAPI's bytes by hand, from the examples of "FTP API", and its steps on a real FTP server."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import gsm
from providers.adapters.gatewayapi import Adapter, GatewayFtp, servers
from providers.base import Attempt, CampaignSpec, Ending, Message, Payload, Problem, ProviderState, Staged
from providers.errors import Refused, Unclear, Unreachable
from providers.transports.ftp import FtpRemote
from tests.providers.servers import FileServer, pyftpdlib

STEM = "c1-b1-g1-0a1b2c3d"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
JOHN = 'I\'m John Doe, who "randomly" quote things.'


def message(msisdn: str, text: str = "Hello", reference: str = "") -> Message:
    return Message(msisdn, text, {}, "", "", reference)


def spec(sender: str = "", **options: Any) -> CampaignSpec:
    return CampaignSpec("", sender, options=options)


def written(spec: CampaignSpec, *messages: Message) -> bytes:
    return Adapter().render(STEM, 7, spec, messages).body


# -- bytes


def test_the_unix_example_of_the_document() -> None:
    body = written(spec("MyCompany", message_class="standard"), message("4510203040", JOHN, "test"))
    assert body == (
        b'"userref","msisdn","sender","class","message"\n'
        b'"test","4510203040","MyCompany","standard","I\'m John Doe, who ""randomly"" quote things."\n'
    )


def test_the_optional_fields_of_the_document_are_left_out_or_empty() -> None:
    assert written(spec(message_class="standard"), message("4512345678", "Optional fields")) == (
        b'"userref","msisdn","class","message"\n"","4512345678","standard","Optional fields"\n'
    )
    assert written(spec(), message("4512345678", "Optional fields", "r1")) == (
        b'"userref","msisdn","message"\n"r1","4512345678","Optional fields"\n'
    )


def test_texts_that_detection_would_misread_are_refused_for_excel() -> None:
    excel = CampaignSpec("", "", options={"encoding": "excel"})
    for text, codes in {"\u00c5\u00a1": ["text_ambiguous"], "caf\u00e9": [], "plain": []}.items():
        message = Message("27825550100", text, {}, "", "", "r1")
        assert [problem.code for problem in Adapter().problems(excel, message)] == codes
        for encoding in ("utf8", "cp1252"):
            assert Adapter().problems(CampaignSpec("", "", options={"encoding": encoding}), message) == []


def test_the_excel_example_of_the_document() -> None:
    asked = spec("MyCompany", message_class="standard", encoding="excel")
    assert written(asked, message("4510203040", JOHN, "test"), message("4512345678", "å;€", "2")) == (
        b'"userref";"msisdn";"sender";"class";"message"\r\n'
        b'"test";"4510203040";"MyCompany";"standard";"I\'m John Doe, who ""randomly"" quote things."\r\n'
        b'"2";"4512345678";"MyCompany";"standard";"\xe5;\x80"\r\n'
    )


def test_line_feeds_commas_and_backslashes_stay_in_a_text() -> None:
    text = 'a,b;c\\"d\n\ne\\n€ø'
    line = '"r","4510203040","a,b;c\\""d\n\ne\\n€ø"\n'
    assert written(spec(), message("4510203040", text, "r")).endswith(line.encode())
    excel = written(spec(encoding="excel"), message("4510203040", text, "r"))
    assert excel.endswith('"r";"4510203040";"a,b;c\\""d\n\ne\\n€ø"\r\n'.encode("cp1252"))


@pytest.mark.parametrize("encoding", [None, "", "utf8", "cp1252", "excel"])
def test_the_name_gives_the_dialect_and_there_is_no_byte_order_mark(encoding: str | None) -> None:
    payload = Adapter().render(STEM, 7, spec(encoding=encoding), [message("4510203040", "å")])
    assert payload.name == f"{STEM}.csv.{encoding or 'utf8'}.ready"
    assert payload.body.startswith(b'"userref"')
    assert ("å".encode() in payload.body) == (encoding not in ("cp1252", "excel"))


def test_attempts_are_uploaded_under_names_that_start_nothing() -> None:
    payload = Adapter().render(STEM, 7, spec(), [message("1")])
    names = [Adapter().attempt_name(payload, number) for number in (1, 2)]
    assert names == [f"{STEM}-a1.csv", f"{STEM}-a2.csv"]


def parsed(payload: Payload) -> list[dict[str, str]]:
    """A parser of our own, written from the document's description of the three dialects alone."""
    is_excel = payload.name.endswith(".excel.ready")
    charset = "utf-8" if payload.name.endswith(".utf8.ready") else "cp1252"
    text = payload.body.decode(charset)
    rows, row, value, position = [], [], "", 0
    separator, end = (";", "\r\n") if is_excel else (",", "\n")
    while position < len(text):
        assert text[position] == '"'
        position += 1
        while text[position] != '"' or text[position + 1 : position + 2] == '"':
            value += text[position]
            position += 2 if text[position] == '"' else 1
        row.append(value)
        value, position = "", position + 1
        if text.startswith(separator, position):
            position += 1
        else:
            assert text.startswith(end, position)
            position += len(end)
            rows.append(row)
            row = []
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


gsm_text = st.text(st.sampled_from(gsm.BASIC + gsm.EXTENSION + '"",;\\\n'))
anything = st.one_of(gsm_text, st.text(st.characters(codec="utf-8")))


@given(texts=st.lists(anything, min_size=1, max_size=5), encoding=st.sampled_from(["utf8", "cp1252", "excel"]))
def test_every_text_comes_back_or_is_refused(texts: list[str], encoding: str) -> None:
    asked = spec("ACME2", encoding=encoding, message_class="premium")
    people = [message(f"45{number}", text, f"r{number}") for number, text in enumerate(texts)]
    people = [person for person in people if not Adapter().problems(asked, person)]
    payload = Adapter().render(STEM, 7, asked, people)
    expected = [
        {"userref": p.reference, "msisdn": p.msisdn, "sender": "ACME2", "class": "premium", "message": p.text}
        for p in people
    ]
    assert parsed(payload) == expected
    charset, delimiter = ("utf-8" if encoding == "utf8" else "cp1252"), (";" if encoding == "excel" else ",")
    lines = io.StringIO(payload.body.decode(charset), newline="")
    assert list(csv.DictReader(lines, delimiter=delimiter)) == expected


@given(st.text(st.sampled_from(sorted(set(gsm.BASIC + gsm.EXTENSION) - {"\r"})), min_size=1).filter(str.strip))
def test_every_gsm_text_goes_in_utf8(text: str) -> None:
    assert Adapter().problems(spec(), message("45", text)) == []


# -- problems


def codes(problems: list[Problem]) -> list[str]:
    return [problem.code for problem in problems]


@pytest.mark.parametrize("sender", ["", "MyCompany", "Acme2026Sms", "4510203040", "123456789012345"])
def test_senders_the_document_allows(sender: str) -> None:
    assert Adapter().spec_problems(spec(sender)) == []


@pytest.mark.parametrize("sender", ["Acme2026Shop", "Shop!", "1234567890123456", "+4510203040", "My Shop"])
def test_senders_the_document_does_not_allow(sender: str) -> None:
    assert codes(Adapter().spec_problems(spec(sender))) == ["sender_invalid"]


def test_letters_that_would_be_replaced_are_named() -> None:
    (problem,) = Adapter().spec_problems(spec("Cafésø"))
    assert problem.code == "sender_invalid"
    assert problem.characters == "éø"
    assert "replace" in problem.sentence


@pytest.mark.parametrize("name", ["stand ard", 'a"b', "å", "x" * 41])
def test_a_class_is_a_single_word(name: str) -> None:
    assert codes(Adapter().spec_problems(spec(message_class=name))) == ["class_invalid"]
    assert not Adapter.OptionsForm({"message_class": name}).is_valid()


def test_gatewayapi_holds_nothing_back() -> None:
    assert not Adapter.starts_later
    assert codes(Adapter().spec_problems(CampaignSpec("", "", start_at=NOON))) == ["start_unsupported"]


def test_texts_that_are_refused() -> None:
    adapter = Adapter()
    assert codes(adapter.problems(spec(), message("1", " \n"))) == ["text_empty"]
    assert codes(adapter.problems(spec(), message("1", "a\r\nb"))) == ["text_has_cr"]
    assert codes(adapter.problems(spec(), message("1", "a", "x" * 65))) == ["reference_long"]
    (problem,) = adapter.problems(spec(encoding="excel"), message("1", "Hi á 😀 á"))
    assert (problem.code, problem.characters) == ("text_not_gsm", "á😀")


@pytest.mark.parametrize("encoding", ["cp1252", "excel"])
def test_what_the_chosen_encoding_lacks_is_named(encoding: str) -> None:
    (problem,) = Adapter().problems(spec(encoding=encoding), message("1", "Δ € ΔΦ ß"))
    assert (problem.code, problem.characters) == ("text_not_cp1252", "ΔΦ")
    assert Adapter().problems(spec(encoding="utf8"), message("1", "Δ € ΔΦ ß")) == []


@pytest.mark.parametrize("encoding", ["cp1252", "excel"])
def test_the_chosen_encoding_lacks_the_greek_capitals_only(encoding: str) -> None:
    text = (gsm.BASIC + gsm.EXTENSION).replace("\r", "")
    (problem,) = Adapter().problems(spec(encoding=encoding), message("1", text))
    assert set(problem.characters) == set("ΔΦΓΛΩΠΨΣΘΞ")


# -- the two forms


def settings_form(**given: Any) -> Any:
    return Adapter.SettingsForm(
        {"host_a": "a.ftp.gatewayapi.com", "port": 21, "username": "me", "password": "secret", **given}
    )


def test_both_servers_are_shown_each_with_its_port() -> None:
    form = settings_form(host_b=" B.ftp.gatewayapi.com:2121 ")
    assert form.is_valid(), form.errors
    assert Adapter().host(form.cleaned_data) == "a.ftp.gatewayapi.com:21, b.ftp.gatewayapi.com:2121"
    # Sending a stored password to another host needs an approver.
    encrypted = {**form.cleaned_data, "use_tls": True}
    assert Adapter().host(encrypted) == "a.ftp.gatewayapi.com:21, b.ftp.gatewayapi.com:2121 (FTPS)"


def test_server_b_may_be_blank_but_not_server_a_again() -> None:
    form = settings_form(host_b="")
    assert form.is_valid(), form.errors
    assert servers(form.cleaned_data) == ("a.ftp.gatewayapi.com:21",)
    assert "host_b" in settings_form(host_b="a.ftp.gatewayapi.com:21").errors


@pytest.mark.parametrize("typed", ["ftp://a.ftp.gatewayapi.com", "a/b", "a b", "a:x"])
def test_a_server_is_a_name(typed: str) -> None:
    assert "host_a" in settings_form(host_a=typed).errors


@pytest.mark.parametrize("typed", ["-----BEGIN CERTIFICATE-----\nno\n", "é"])
def test_a_certificate_must_be_one(typed: str) -> None:
    assert "tls_certificate" in settings_form(tls_certificate=typed).errors


# -- on a real FTP server

PAYLOAD = Adapter().render(STEM, 7, spec(), [message("4510203040", JOHN, "1")])


def account(*running: FileServer) -> dict[str, Any]:
    label_a, label_b = (*(server.label for server in running), "")[:2]
    return {**running[0].settings(), "host_a": label_a, "host_b": label_b}


def attempt(staged: Staged, ending: Ending = Ending.NONE) -> Attempt:
    return Attempt(1, f"{STEM}-a1.csv", staged.host, staged, NOON, ending=ending)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with pyftpdlib(tmp_path) as found:
        yield found


@pytest.fixture
def remote(server: FileServer) -> Iterator[FtpRemote]:
    with GatewayFtp.connect(account(server)) as remote:
        yield remote


def stage(remote: FtpRemote) -> Staged:
    return Adapter().stage(remote, PAYLOAD, f"{STEM}-a1.csv")


def test_it_is_uploaded_under_an_inert_name_and_renamed_once(
    remote: FtpRemote, server: FileServer, tmp_path: Path
) -> None:
    staged = stage(remote)
    assert staged == Staged(f"{STEM}-a1.csv", server.label, len(PAYLOAD.body))
    assert (tmp_path / f"{STEM}-a1.csv").read_bytes() == PAYLOAD.body
    observation = Adapter().poll(remote, PAYLOAD, [attempt(staged)], NOON)
    assert Adapter().interpret(PAYLOAD, [attempt(staged)], [observation]).state is ProviderState.STAGED
    Adapter().commit(remote, PAYLOAD, attempt(staged))
    assert [path.name for path in tmp_path.iterdir()] == [f"{STEM}.csv.utf8.ready"]
    observation = Adapter().poll(remote, PAYLOAD, [attempt(staged)], NOON)
    assert Adapter().interpret(PAYLOAD, [attempt(staged)], [observation]).state is ProviderState.TAKEN


def test_staging_again_replaces_the_earlier_upload(remote: FtpRemote, tmp_path: Path) -> None:
    (tmp_path / f"{STEM}-a1.csv").write_bytes(b"half of it")
    stage(remote)
    assert (tmp_path / f"{STEM}-a1.csv").read_bytes() == PAYLOAD.body


def test_another_size_is_no_upload(remote: FtpRemote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FtpRemote, "size", lambda self, path: 5)
    with pytest.raises(Unreachable, match="a different size"):
        stage(remote)


def test_who_takes_files_before_the_rename_gets_no_second_one(
    remote: FtpRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FtpRemote, "size", lambda self, path: None)
    with pytest.raises(Refused) as caught:
        stage(remote)
    assert (caught.value.code, caught.value.account, caught.value.holds) == ("upload_vanished", True, True)


def test_an_upload_that_broke_handed_nothing_over(remote: FtpRemote, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(self: FtpRemote, path: str, body: bytes) -> None:
        raise Unclear("upload_broken", "The line broke.")

    monkeypatch.setattr(FtpRemote, "store", breaking)
    with pytest.raises(Unreachable):
        stage(remote)


def test_a_source_that_is_gone_is_unclear(remote: FtpRemote, tmp_path: Path) -> None:
    staged = stage(remote)
    (tmp_path / staged.name).unlink()
    with pytest.raises(Unclear) as caught:
        Adapter().commit(remote, PAYLOAD, attempt(staged))
    assert caught.value.code == "source_gone"
    assert caught.value.reply.startswith(b"550")


def test_a_second_rename_of_the_same_source_is_unclear_and_starts_nothing(remote: FtpRemote, tmp_path: Path) -> None:
    staged = stage(remote)
    Adapter().commit(remote, PAYLOAD, attempt(staged))
    (tmp_path / PAYLOAD.name).rename(tmp_path / f"{STEM}.csv.utf8.20261121T120000.processing")
    with pytest.raises(Unclear):
        Adapter().commit(remote, PAYLOAD, attempt(staged))
    assert [path.name for path in tmp_path.iterdir()] == [f"{STEM}.csv.utf8.20261121T120000.processing"]


def test_a_refused_rename_of_an_untouched_source_is_refused(tmp_path: Path) -> None:
    with pyftpdlib(tmp_path, perm="elrw") as server, GatewayFtp.connect(account(server)) as remote:
        staged = stage(remote)
        with pytest.raises(Refused) as caught:
            Adapter().commit(remote, PAYLOAD, attempt(staged))
    assert caught.value.code == "rename_refused"
    assert [path.name for path in tmp_path.iterdir()] == [staged.name]


def test_with_server_a_down_server_b_takes_it(tmp_path: Path) -> None:
    with pyftpdlib(tmp_path) as gone:
        pass
    with pyftpdlib(tmp_path) as server, GatewayFtp.connect(account(gone, server)) as remote:
        staged = stage(remote)
        assert staged.host == server.label
        observation = Adapter().poll(remote, PAYLOAD, [attempt(staged)], NOON)
        assert observation.hosts == (server.label,)
        assert Adapter().interpret(PAYLOAD, [attempt(staged)], [observation]).state is ProviderState.STAGED


@pytest.mark.parametrize(("ending", "asked"), [(Ending.NONE, 2), (Ending.UNCLEAR, 2), (Ending.DONE, 1)])
def test_a_rename_without_an_answer_is_polled_for_on_both_servers(tmp_path: Path, ending: Ending, asked: int) -> None:
    other_home = tmp_path / "other"
    with (
        pyftpdlib(tmp_path) as server,
        pyftpdlib(other_home) as other,
        GatewayFtp.connect(account(server, other)) as remote,
    ):
        staged = stage(remote)
        (other_home / f"{STEM}.csv.utf8.20261121T120000.processing").touch()
        observation = Adapter().poll(remote, PAYLOAD, [attempt(staged, ending)], NOON)
    assert observation.hosts == (server.label, other.label)[:asked]
    assert {file.host for file in observation.files} == set(observation.hosts)


def test_only_rejected_files_named_after_the_stem_are_read(remote: FtpRemote, tmp_path: Path) -> None:
    rejected = PAYLOAD.body + b"\nInsufficient credit (0x0216)\n"
    (tmp_path / f"{STEM}.csv.utf8.20261121T120000.rejected").write_bytes(rejected)
    (tmp_path / f"{STEM}.csv.utf8.20261121T110000.processing").write_bytes(PAYLOAD.body)
    (tmp_path / "c9-b1-g1-ffffffff.csv.utf8.20261121T120000.rejected").write_bytes(b"other")
    observation = Adapter().poll(remote, PAYLOAD, [], NOON)
    bodies = {file.name: file.body for file in observation.files}
    assert bodies == {
        f"{STEM}.csv.utf8.20261121T120000.rejected": rejected,
        f"{STEM}.csv.utf8.20261121T110000.processing": None,
    }


def test_of_a_large_rejected_file_the_bottom_is_kept(remote: FtpRemote, tmp_path: Path) -> None:
    people = [message(f"45{number:08}", "x" * 300, str(number)) for number in range(6_000)]
    payload = Adapter().render(STEM, 7, spec(), people)
    whole = payload.body + b"Unknown message class id nonsense (0x0218)\n"
    (tmp_path / f"{STEM}.csv.utf8.20261121T120000.rejected").write_bytes(whole)
    observation = Adapter().poll(remote, payload, [], NOON)
    (file,) = observation.files
    assert file.size == len(whole)
    assert file.body == whole[-1_000_000:]
    interpretation = Adapter().interpret(payload, [], [observation])
    assert (interpretation.state, interpretation.reason) == (ProviderState.REJECTED, "0x0218")


# -- test connection


def test_the_connection_is_tested_and_nothing_is_left_behind(
    remote: FtpRemote, server: FileServer, tmp_path: Path
) -> None:
    checks = {check.code: check for check in Adapter().check(remote, datetime.now(UTC))}
    assert list(checks) == ["login", f"server_{server.label}", "encryption", "folder", "clock", "rename"]
    assert {code for code, check in checks.items() if not check.passed} == {"encryption"}
    assert (checks["encryption"].passed, checks["encryption"].is_warning) == (None, False)
    assert checks["clock"].sentence == "The server's clock is right."
    assert list(tmp_path.iterdir()) == []


def test_with_tls_the_certificate_is_shown_and_files_go_encrypted(tmp_path: Path) -> None:
    with pyftpdlib(tmp_path / "home", tls=True) as server, GatewayFtp.connect(account(server)) as remote:
        form = settings_form(host_a=server.host, use_tls=True, tls_certificate=server.tls_certificate)
        assert form.is_valid(), form.errors
        checks = {check.code: check.passed for check in Adapter().check(remote, datetime.now(UTC))}
        Adapter().commit(remote, PAYLOAD, attempt(stage(remote)))
    assert checks["certificate"]
    assert "encryption" not in checks
    assert (server.home / PAYLOAD.name).read_bytes() == PAYLOAD.body


def test_the_scratch_files_name_contains_no_meaningful_word(
    remote: FtpRemote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FtpRemote, "delete", lambda self, path: False)
    checks = Adapter().check(remote, NOON)
    (left,) = [path.name for path in tmp_path.iterdir()]
    assert left.startswith("baton-test-")
    assert left.endswith(".tmp2")
    assert not any(word in left for word in (".ready", ".excel", ".utf8", ".cp1252", ".processing", ".csv"))
    assert left in checks[-1].sentence
    assert checks[-1].passed


def test_a_clock_that_differs_is_reported(remote: FtpRemote) -> None:
    checks = {check.code: check for check in Adapter().check(remote, NOON.replace(year=2020))}
    assert "ahead of" in checks["clock"].sentence


def test_one_server_down_is_reported_and_no_failure(tmp_path: Path) -> None:
    with pyftpdlib(tmp_path) as gone:
        pass
    with pyftpdlib(tmp_path) as server, GatewayFtp.connect(account(server, gone)) as remote:
        checks = {check.code: check for check in Adapter().check(remote, NOON)}
    assert checks[f"server_{server.label}"].passed is True
    assert checks[f"server_{gone.label}"].passed is None
    assert checks[f"server_{gone.label}"].is_warning
    assert "other server" in checks[f"server_{gone.label}"].sentence


def test_a_login_that_may_not_rename_is_reported(tmp_path: Path) -> None:
    with pyftpdlib(tmp_path, perm="elrdw") as server, GatewayFtp.connect(account(server)) as remote:
        checks = Adapter().check(remote, NOON)
    assert (checks[-1].code, checks[-1].passed) == ("rename", False)
    assert list(tmp_path.iterdir()) == []
