import io
import json
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from providers import formats

plain = st.text(max_size=20)


@given(st.dictionaries(plain, plain | st.booleans(), max_size=4), st.lists(st.dictionaries(plain, plain, max_size=3)))
def test_what_is_written_can_be_read_back(head: dict[str, object], rows: list[dict[str, str]]) -> None:
    head.pop("contacts", None)
    first, _, rest = formats.versioned_json(7, head, "contacts", map(json.dumps, rows)).partition(b"\n")
    assert first == b"version: 7"
    assert json.loads(rest) == {**head, "contacts": rows}


@given(st.binary(max_size=2000))
def test_a_zip_holds_the_one_file_and_is_always_the_same(body: bytes) -> None:
    packed = formats.zip_of_one("a.json", body)
    assert packed == formats.zip_of_one("a.json", body)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["a.json"]
        assert archive.read("a.json") == body
