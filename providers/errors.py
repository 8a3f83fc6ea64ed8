"""The three kinds of trouble a provider can give; ``campaigns.handover`` turns them into rows."""


class Trouble(Exception):
    """What went wrong with a provider.

    ``code`` is a word to count (``login_refused``), ``sentence`` tells a person what is wrong and what to do. Neither
    ever holds a secret or a phone number. ``account`` is true when the account itself is refused (login, host key,
    folder, credit): then every batch of the account waits, not only this one.
    """

    def __init__(self, code: str, sentence: str, *, account: bool = False) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.account = account


class Refused(Trouble):
    """The provider said no; the same again would be refused again."""


class Unreachable(Trouble):
    """Nothing was handed over; it is safe to try again."""


class Unclear(Trouble):
    """The line broke after the first byte that can cause texting; look before anything else."""
