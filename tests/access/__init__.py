"""Who may do what: logging in, roles, limits, keys and personal data."""
