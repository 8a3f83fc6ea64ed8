import io
import json
import zipfile
import zlib

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


@given(st.lists(plain))
def test_a_column_is_written_as_json_writes_strings(column: list[str]) -> None:
    assert formats.json_strings(column) == [json.dumps(value) for value in column]


@given(st.binary(max_size=2000))
def test_a_zip_holds_the_one_file_and_is_always_the_same(body: bytes) -> None:
    packed = formats.zip_of_one("a.json", body)
    assert packed == formats.zip_of_one("a.json", body)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["a.json"]
        assert archive.read("a.json") == body


def test_a_zip_is_written_as_by_the_library() -> None:
    body = b'{"msisdn":"27825550100"},' * 1000
    packed = formats.zip_of_one("a.json", body)
    entry = zipfile.ZipInfo("a.json", date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(entry, body)
    with zipfile.ZipFile(io.BytesIO(packed)) as ours, zipfile.ZipFile(whole) as theirs:
        mine, other = ours.getinfo("a.json"), theirs.getinfo("a.json")
    for name in zipfile.ZipInfo.__slots__:
        if name not in ("compress_size", "_end_offset"):
            assert getattr(mine, name, None) == getattr(other, name, None), name
    # Everything but the deflated bytes and their length.
    begins, ends = 30 + len("a.json"), 30 + len("a.json") + mine.compress_size
    assert zlib.decompress(packed[begins:ends], -zlib.MAX_WBITS) == body
    assert len(packed) - mine.compress_size == len(whole.getvalue()) - other.compress_size
