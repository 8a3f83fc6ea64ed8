"""The three kinds of trouble a provider can give; ``campaigns.handover`` turns them into rows."""


class Trouble(Exception):
    """What went wrong with a provider.

    ``code`` is a word to count (``login_refused``), ``sentence`` tells a person what is wrong and what to do. Neither
    ever holds a secret or a phone number. ``account`` is true when the account itself is refused (login, host key,
    folder, credit): then every batch of the account waits, not only this one. ``reply`` holds the bytes the provider
    answered with, where it did; they are kept with the attempt, and the adapter's ``interpret`` sees them there.
    """

    def __init__(self, code: str, sentence: str, *, account: bool = False, reply: bytes = b"") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.account = account
        self.reply = reply


class Refused(Trouble):
    """The provider said no; the same again would be refused again.

    A batch refused with ``account`` waits for the account, unless ``holds`` asks for a person.
    """

    def __init__(
        self, code: str, sentence: str, *, account: bool = False, reply: bytes = b"", holds: bool = False
    ) -> None:
        super().__init__(code, sentence, account=account, reply=reply)
        self.holds = holds


class Unreachable(Trouble):
    """Nothing was handed over; it is safe to try again."""


class Unclear(Trouble):
    """The line broke after the first byte that can cause texting; look before anything else."""
