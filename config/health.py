"""Whether Baton is able to work, for a load balancer, a monitor and the supervisor."""

from collections.abc import Callable

import django_rq
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError

from config import startup
from config.startup import verify_if_due
from providers.keys import OtherInstallation

GetResponse = Callable[[HttpRequest], HttpResponseBase]


@login_not_required
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the database and Redis answer, else 503 and the name of what does not answer."""
    silent = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        silent.append("database")
    try:
        django_rq.get_connection("handover").ping()
    except RedisError:
        silent.append("redis")
    if silent:
        return HttpResponse(f"no answer: {', '.join(silent)}\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


def refuse_other_installation(get_response: GetResponse) -> GetResponse:
    """Middleware: no page is answered before the installation is checked, if the start could not."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        try:
            is_verified = verify_if_due()
        except OtherInstallation as error:
            return HttpResponse(f"{error}\n", status=503, content_type="text/plain")
        if not is_verified:
            silent = startup.silent
            sentence = f"no answer: {silent}\nBaton works as soon as the {silent} answers. Try again in a minute.\n"
            return HttpResponse(sentence, status=503, content_type="text/plain")
        return get_response(request)

    return middleware


def explain_redis_failure(get_response: GetResponse) -> GetResponse:
    """Middleware: a page that needs Redis, such as the login, answers 503 and says so while Redis does not answer."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    middleware.process_exception = _explain  # type: ignore[attr-defined]
    return middleware


def _explain(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    return render(request, "503.html", status=503) if isinstance(exception, RedisError) else None
