"""Links between the pages of a long table that is paged by key."""

from typing import TypedDict

from django.http import HttpRequest

from contacts.browsing import Page
from contacts.ids import as_id


class Key(TypedDict, total=False):
    after: int
    before: int


def key_of(request: HttpRequest) -> Key:
    """The key that the address names: ``?after=`` or ``?before=`` the id of a row; none: the first page."""
    for name in ("after", "before"):
        pk = as_id(request.GET.get(name))
        if pk is not None:
            return {name: pk}  # type: ignore[misc]
    return {}


class Links:
    """The addresses of the pages around ``page``; ``""``: there is no such page."""

    def __init__(self, request: HttpRequest, page: Page) -> None:
        self._query = request.GET.copy()
        for name in ("after", "before", "page"):
            self._query.pop(name, None)
        self.previous = self._address("before", page.previous_key)
        self.next = self._address("after", page.next_key)
        self.go_on = self._address("after", page.stopped_at)
        self.first = f"?{self._query.urlencode()}" if page.previous_key is not None else ""

    def _address(self, name: str, key: int | None) -> str:
        if key is None:
            return ""
        query = self._query.copy()
        query[name] = str(key)
        return f"?{query.urlencode()}"
