"""The page for people who may log in, but to whom no administrator has given a role yet."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import permission_denied


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer 403: to somebody without any permission it says how to get a role."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated and not user.get_all_permissions():
        return render(request, "no_role.html", status=403)
    return permission_denied(request, exception)
