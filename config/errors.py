"""The error that ends a start."""


class CannotStart(Exception):
    """Why nothing was started, or why everything was ended: what is wrong and what to do, for the terminal."""
