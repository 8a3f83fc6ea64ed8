"""/metrics, for Prometheus: a request needs a token, or an address that the settings name."""

from ipaddress import ip_address

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST

from campaigns.monitoring.metrics import write_metrics


@login_not_required
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics, or 404 for everybody else."""
    if not (_has_token(request) or _is_in_network(request)):
        raise Http404
    return HttpResponse(write_metrics(), content_type=CONTENT_TYPE_LATEST)


def _has_token(request: HttpRequest) -> bool:
    sent = request.headers.get("Authorization", "")
    return bool(settings.METRICS_TOKEN) and constant_time_compare(sent, f"Bearer {settings.METRICS_TOKEN}")


def _is_in_network(request: HttpRequest) -> bool:
    """Whether the client's address, as TRUSTED_PROXIES reports it, is in one of the networks."""
    if not settings.METRICS_NETWORKS:
        return False
    try:
        address = ip_address(get_adapter().get_client_ip(request))
    except ValueError:
        return False
    return any(address in network for network in settings.METRICS_NETWORKS)
