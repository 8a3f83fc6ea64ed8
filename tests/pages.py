"""Compares pages as a browser shows them: how a template breaks its lines does not matter to a test."""

import re

from django.http.response import HttpResponseBase


def html_of(page: HttpResponseBase | str) -> str:
    """The HTML with runs of white space as one space, and none just inside an element."""
    text = page if isinstance(page, str) else page.content.decode()  # type: ignore[attr-defined]
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" (</)", r"\1", re.sub(r"(<[a-z][^>]*>) ", r"\1", text))
