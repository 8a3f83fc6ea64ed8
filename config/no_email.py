"""The page for a forgotten password: without a mail server it says what to do instead of sending a link."""

from allauth.account.views import password_reset as send_link
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render


@login_not_required
def password_reset(request: HttpRequest) -> HttpResponseBase:
    """allauth's form that mails a link where EMAIL_URL is set, else a page that names the administrators."""
    if settings.EMAIL_URL:
        return send_link(request)
    answer: HttpResponse = render(request, "account/password_reset.html", {"form": None})
    return answer
