"""Whether Baton is able to work, for a load balancer, a monitor and the supervisor."""

from collections.abc import Callable
from contextlib import closing

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError

from campaigns.monitoring import signs
from config import outages, startup
from config.startup import verify_if_due
from contacts.outages import Outage
from providers import identity
from providers.keys import OtherInstallation

GetResponse = Callable[[HttpRequest], HttpResponseBase]


#: They answer whatever the state of the installation is: what asks is a machine that has to know.
HEALTH_PATHS = ("/health/live", "/health/ready")
HEALTHZ = "/healthz"


@login_not_required
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the database and Redis answer, else 503 and the name of what does not answer."""
    checks = {"database": _database_answers, "redis": _redis_answers}
    silent = [name for name, answers in checks.items() if not answers()]
    if silent:
        return HttpResponse(f"no answer: {', '.join(silent)}\n", status=503, content_type="text/plain; charset=utf-8")
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@login_not_required
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as this process answers at all: a process that does not should be restarted."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@login_not_required
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when this host can serve requests, else 503; the body says which of the checks failed.

    ``{"status": "ok", "checks": {"database": true, "migrations": true, "redis": true, "disk": true}}``
    """
    database = _database_answers()
    checks = {
        "database": database,
        "migrations": database and not identity.missing_migrations(),
        "redis": _redis_answers(),
        "disk": all(disk["free"] >= settings.DISK_LOW_BYTES / 10 for disk in signs.read_disks()),
    }
    is_ready = all(checks.values())
    return JsonResponse({"status": "ok" if is_ready else "failed", "checks": checks}, status=200 if is_ready else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis_answers() -> bool:
    try:
        with closing(signs.redis_client()) as client:
            return bool(client.ping())
    except RedisError:
        return False


def refuse_other_installation(get_response: GetResponse) -> GetResponse:
    """Middleware: no page is answered before the installation is checked, if the start could not."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path in HEALTH_PATHS:
            return get_response(request)
        try:
            is_verified = verify_if_due()
        except OtherInstallation as error:
            return HttpResponse(f"{error}\n", status=503, content_type="text/plain; charset=utf-8")
        if not is_verified:
            if request.path == HEALTHZ:
                return HttpResponse(
                    f"no answer: {startup.silent}\n", status=503, content_type="text/plain; charset=utf-8"
                )
            is_database = startup.silent == "database"
            return outages.explain(request, outages.WORDS[Outage.DATABASE] if is_database else outages.STORAGE)
        return get_response(request)

    return middleware
