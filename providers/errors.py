"""The three kinds of trouble with a provider; ``campaigns.handover`` stores them in database rows."""


class Trouble(Exception):
    """What went wrong with a provider.

    ``code`` is a stable identifier to count (``login_refused``), ``sentence`` tells people what is wrong and what to
    do. Neither ever contains a secret or a phone number. ``account`` is true if the account itself is refused (login,
    host key, folder, credit): then every batch of the account waits, not only this one. ``reply`` holds the bytes of
    the provider's answer, if there was one; they are stored with the attempt, where the adapter's ``interpret`` reads
    them.
    """

    def __init__(self, code: str, sentence: str, *, account: bool = False, reply: bytes = b"") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.account = account
        self.reply = reply


class Refused(Trouble):
    """The provider refused; it would refuse the same request again.

    A batch refused with ``account`` waits for the account; with ``holds`` it waits for a person instead.
    """

    def __init__(
        self, code: str, sentence: str, *, account: bool = False, reply: bytes = b"", holds: bool = False
    ) -> None:
        super().__init__(code, sentence, account=account, reply=reply)
        self.holds = holds


class Unreachable(Trouble):
    """Nothing was handed over; it is safe to try again."""


class Unclear(Trouble):
    """The connection broke after the first byte that can cause texting; poll before anything else is done."""
