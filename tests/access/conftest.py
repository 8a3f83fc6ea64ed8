"""The campaign that the downloads of these tests belong to."""

from tests.campaigns.conftest import account, make_campaign, make_list, make_running, own_files

__all__ = ["account", "make_campaign", "make_list", "make_running", "own_files"]
