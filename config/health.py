"""Whether Baton is able to work, for a load balancer, a monitor and the supervisor."""

import django_rq
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError


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
