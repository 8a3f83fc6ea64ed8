from tests.campaigns.conftest import account, account_at, clock, make_campaign, make_list, make_running, own_files

__all__ = ["account", "account_at", "clock", "make_campaign", "make_list", "make_running", "own_files"]
