"""The campaign and the account that these tests audit."""

from tests.campaigns.conftest import account, make_campaign, make_list, make_running, own_files

__all__ = ["account", "make_campaign", "make_list", "make_running", "own_files"]
