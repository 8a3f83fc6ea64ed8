"""What texts cost through an account: administrators type the prices or upload them."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from campaigns.forms.prices import TYPED, PricesForm
from providers.models import Account
from providers.prices import replace_prices


@require_http_methods(["GET", "POST"])
@permission_required("providers.change_account", raise_exception=True)
def prices(request: HttpRequest, pk: int) -> HttpResponse:
    """The prices of an account by prefix; a POST replaces all of them."""
    account = get_object_or_404(Account, pk=pk)
    form = PricesForm(account, *((request.POST, request.FILES) if request.method == "POST" else ()))
    if request.method == "POST" and form.is_valid():
        replace_prices(account, form.prices, form.cleaned_data["currency"])
        count = len(form.prices)
        messages.success(
            request, f"Saved: {count:,} price{'' if count == 1 else 's'} in {form.cleaned_data['currency']}."
        )
        return redirect("campaigns:prices", pk)
    context = {"account": account, "form": form, "count": account.prices.count(), "typed": TYPED}
    return render(request, "campaigns/prices.html", context, status=422 if form.errors else 200)
