"""The pages of the login that would send an email: they say what to do instead.

Baton sends emails about notices only (campaigns.notice_mail), from a worker, and only where EMAIL_URL is set.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.generic import TemplateView


class NoEmail(TemplateView):
    """Shows the page that says what to do instead, also to a form that somebody posts."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.get(request, *args, **kwargs)
