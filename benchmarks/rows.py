"""Fills tables with people inside the database, which is faster than through Python."""

from django.db import connection

from benchmarks.people import FIRST_NAMES, PREFIXES, SURNAMES, TOWNS
from contacts.models import ContactList

#: SQL of the number of person ``n``, as ``people.msisdn``; ``text`` and ``lpad`` differ between the databases.
_DIGITS = "CAST(n AS bigint) * 7368787 % 10000000"
#: Rows of one statement, so that neither the statement nor its recursion grows with the rows.
CHUNK = 250_000


def one_of(values: tuple[str, ...]) -> str:
    """SQL that chooses one of ``values`` by ``n``."""
    whens = " ".join(f"WHEN {at} THEN '{value.replace(chr(39), chr(39) * 2)}'" for at, value in enumerate(values))
    return f"CASE n % {len(values)} {whens} END"


def msisdn() -> str:
    digits = f"CAST({_DIGITS} + 10000000 AS text)"
    return f"'27' || {one_of(PREFIXES)} || substr({digits}, 2)"


def values() -> dict[str, str]:
    """SQL of the fields of person ``n``, as ``people.people`` has them."""
    cents = "n * 7919 % 100000"
    return {
        "msisdn": msisdn(),
        "customer_id": "CAST(10000000 + n AS text)",
        "value1": one_of(FIRST_NAMES),
        "value2": one_of(SURNAMES),
        "value3": one_of(TOWNS),
        "value4": f"CAST({cents} / 100 AS text) || '.' || substr(CAST({cents} % 100 + 100 AS text), 2)",
        "value5": "'2027-' || substr(CAST(n % 12 + 101 AS text), 2) || '-' || substr(CAST(n % 28 + 101 AS text), 2)",
        "value6": "'Branch ' || CAST(n % 250 AS text)",
        "message": "''",
    }


def insert(table: str, rows: int, columns: dict[str, str], first: int = 0) -> None:
    """Insert ``rows`` rows; ``columns``: the SQL of each value, in which ``n`` counts from ``first``."""
    for begin in range(first, first + rows, CHUNK):
        end = min(begin + CHUNK, first + rows)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)})"
                " WITH RECURSIVE numbers(n) AS"
                f" (SELECT CAST({begin} AS bigint) UNION ALL SELECT n + 1 FROM numbers WHERE n < {end - 1})"
                f" SELECT {', '.join(columns.values())} FROM numbers",
                None,
            )


def analyze() -> None:
    """Have the database look at its new rows, as PostgreSQL does by itself within minutes (autovacuum)."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "ANALYZE")


def fill_list(contact_list: ContactList, rows: int) -> None:
    """Give a list the first ``rows`` people."""
    found = values()
    insert(
        "contacts_contact",
        rows,
        found
        | {
            "list_id": str(contact_list.pk),
            "phone": found["msisdn"],
            "number_country": "'ZA'",
            "number_kind": "'mobile'",
            "created_at": "CURRENT_TIMESTAMP",
            "updated_at": "CURRENT_TIMESTAMP",
        },
    )
    analyze()


def opt_out_a_tenth(rows: int) -> None:
    """Opt out every tenth of the first ``rows`` people."""
    insert(
        "contacts_suppression",
        max(rows // 10, 1),
        {
            "msisdn": msisdn().replace("n %", "n * 10 %").replace("(n AS", "(n * 10 AS"),
            "source": "'file'",
            "note": "''",
            "created_at": "CURRENT_TIMESTAMP",
        },
    )
    analyze()
