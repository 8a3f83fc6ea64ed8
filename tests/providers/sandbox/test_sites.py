"""The contract of every sandbox provider; a new one in providers/sandbox is tested automatically."""

import pytest

from providers import registry
from providers.sandbox.registry import all_sites
from providers.sandbox.site import BaseSite


@pytest.fixture(params=sorted(all_sites()))
def site(request: pytest.FixtureRequest) -> type[BaseSite]:
    return all_sites()[request.param]


def test_its_name_is_its_file_name(site: type[BaseSite]) -> None:
    assert site.__module__.split(".")[2] == site.slug
    assert all_sites()[site.slug] is site


def test_it_has_an_adapter(site: type[BaseSite]) -> None:
    assert site.slug in registry.all_adapters()


def test_it_has_a_label_and_a_pause_between_scans(site: type[BaseSite]) -> None:
    assert site.label
    assert site.every > 0


def test_each_fault_has_its_prefix_a_sentence_and_one_heading(site: type[BaseSite]) -> None:
    names = [name for group in site.fault_groups.values() for name in group]
    assert names
    assert len(names) == len(set(names))
    for name, words in site.faults().items():
        assert name.startswith(f"{site.slug}:"), name
        assert words.endswith("."), name
    assert all(site.fault_groups)
    assert all(site.fault_groups.values())
