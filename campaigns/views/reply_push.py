"""The secret address of an account, to which its provider pushes replies. Nobody is logged in here.

The answer is always one word and tells nothing about a number. Nothing of a push is logged: its query and its body may
hold numbers and texts, and its path is the secret.
"""

from allauth.account.adapter import get_adapter
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from redis.exceptions import RedisError

from campaigns.models import Reply
from campaigns.results import replies

#: Bytes of a body. A reply has a few hundred; a push of several replies a few thousand.
MAX_BYTES = 256 * 1024
#: Pushes in a minute that are taken for one account. A hundred a second is more than providers push after a large
#: campaign, and BulkSMS does not repeat a push that is refused with this.
PUSHES_PER_MINUTE = 6_000
#: Wrong tokens in a minute from one address.
WRONG_PER_MINUTE = 30


@csrf_exempt
@login_not_required
@never_cache
def reply_push(request: HttpRequest, token: str) -> HttpResponse:
    """Record the replies of a push.

    Answers 200 when they are recorded, now or earlier, 400 if the push holds no reply, 404 for an unknown token, 405
    for other methods than GET and POST, 413 for a large body and 429 above the limits.
    """
    if request.method not in ("GET", "POST"):
        # Django's own answer would log the path.
        return _answer(405)
    account = replies.account_of(token)
    if account is None:
        address = get_adapter().get_client_ip(request)
        return _answer(429 if _is_above(f"wrong:{address}", WRONG_PER_MINUTE) else 404)
    if _is_above(f"account:{account.pk}", PUSHES_PER_MINUTE):
        return _answer(429)
    body = request.read(MAX_BYTES + 1) if request.method == "POST" else b""
    if len(body) > MAX_BYTES:
        return _answer(413)
    query = request.META.get("QUERY_STRING", "").encode("latin-1", "replace")
    # BulkSMS, "Webhooks": the test of a new webhook may hold an empty list.
    if body.strip() == b"[]":
        return _answer(200)
    received = replies.read_push(account, query, body)
    if not received:
        return _answer(400)
    replies.record(account, received, Reply.Source.PUSH, timezone.now())
    return _answer(200)


def _is_above(what: str, limit: int) -> bool:
    """Count one more for ``what`` in this minute; whether that is above the limit.

    While Redis does not answer nothing is refused: a lost opt-out is worse than too many pushes.
    """
    key = f"reply-push:{what}:{timezone.now():%H%M}"
    try:
        cache.add(key, 0, timeout=120)
        return int(cache.incr(key)) > limit
    except (RedisError, ValueError):
        return False


def _answer(status: int) -> HttpResponse:
    words = {200: "ok", 400: "no reply found", 404: "not found", 405: "not allowed", 413: "too large", 429: "too many"}
    answer = HttpResponse(f"{words[status]}\n", status=status, content_type="text/plain; charset=utf-8")
    # Django would log the path of a refusal, which is the secret.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer
