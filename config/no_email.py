"""The pages that would send an email: Baton sends none, and says so instead of failing."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.generic import TemplateView


class NoEmail(TemplateView):
    """Shows the page that says what to do instead, also to a form that somebody posts."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.get(request, *args, **kwargs)
