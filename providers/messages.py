"""The messages of a batch as columns, from which an adapter writes its rows without an object for each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from providers.base import Message


@dataclass(frozen=True, slots=True)
class Messages(Sequence[Message]):
    """A sequence of Message in columns of equal length, each named after the field of Message that it holds.

    ``values`` has a column for each name in ``Message.values``. All messages have the same names; of those with an own
    text, a value may be missing and is ``""``.
    """

    msisdns: Sequence[str]
    texts: Sequence[str]
    values: Mapping[str, Sequence[str]]
    own_texts: Sequence[str]
    customer_ids: Sequence[str]
    references: Sequence[str]

    @classmethod
    def of(cls, messages: Sequence[Message]) -> "Messages":
        """``messages`` in columns. Raises ValueError if those without an own text have values with different names."""
        if isinstance(messages, cls):
            return messages
        names = dict.fromkeys(name for message in messages for name in message.values)
        if any(message.values.keys() != names.keys() and not message.own_text for message in messages):
            raise ValueError("the messages of a batch have values with different names")
        return cls(
            msisdns=[message.msisdn for message in messages],
            texts=[message.text for message in messages],
            values={name: [message.values.get(name, "") for message in messages] for name in names},
            own_texts=[message.own_text for message in messages],
            customer_ids=[message.customer_id for message in messages],
            references=[message.reference for message in messages],
        )

    def __len__(self) -> int:
        return len(self.msisdns)

    @overload
    def __getitem__(self, place: int) -> Message: ...

    @overload
    def __getitem__(self, place: slice) -> "Messages": ...

    def __getitem__(self, place: int | slice) -> "Message | Messages":
        if isinstance(place, slice):
            return Messages(
                self.msisdns[place],
                self.texts[place],
                {name: column[place] for name, column in self.values.items()},
                self.own_texts[place],
                self.customer_ids[place],
                self.references[place],
            )
        return Message(
            self.msisdns[place],
            self.texts[place],
            {name: column[place] for name, column in self.values.items()},
            self.own_texts[place],
            self.customer_ids[place],
            self.references[place],
        )
