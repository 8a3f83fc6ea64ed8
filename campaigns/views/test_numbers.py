"""The phones that administrators keep for test handovers."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.forms.test_handover import TestNumberForm
from campaigns.models import TestNumber


@require_http_methods(["GET", "POST"])
@permission_required("campaigns.view_testnumber", raise_exception=True)
def test_numbers(request: HttpRequest) -> HttpResponse:
    """All test numbers; administrators add one with the form below them."""
    may_add = request.user.has_perm("campaigns.add_testnumber")
    if request.method == "POST":
        return _add(request)
    return _page(request, TestNumberForm() if may_add else None)


@permission_required("campaigns.add_testnumber", raise_exception=True)
def _add(request: HttpRequest) -> HttpResponse:
    form = TestNumberForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    number = form.save(commit=False)
    number.created_by = request.user if isinstance(request.user, User) else None
    number.save()
    messages.success(request, f"{number.name} was added.")
    return redirect("campaigns:test_numbers")


def _page(request: HttpRequest, form: TestNumberForm | None) -> HttpResponse:
    context = {"numbers": TestNumber.objects.select_related("created_by"), "form": form}
    return render(request, "campaigns/test_numbers.html", context, status=422 if form and form.errors else 200)


@require_POST
@permission_required("campaigns.delete_testnumber", raise_exception=True)
def test_number_delete(request: HttpRequest, pk: int) -> HttpResponse:
    number = get_object_or_404(TestNumber, pk=pk)
    number.delete()
    messages.success(request, f"{number.name} was removed. Earlier tests keep its number.")
    return redirect("campaigns:test_numbers")
