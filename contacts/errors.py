"""The base class of every refusal: an operation that cannot be carried out as asked.

It imports nothing, so that the pure modules, ``sheet_reader``'s own process and ``campaigns`` can all use it.
"""


class Refusal(Exception):
    """What was asked for cannot be done.

    ``code`` is a stable identifier such as ``"too_short"``, for counting and for tests. ``sentence`` is shown to the
    user: what is wrong, and what to do about it.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
