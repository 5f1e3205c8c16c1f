"""The interface of a broker."""

from collections.abc import Callable
from typing import Protocol

from switchboard_signaling.broker.ledger import Ledger
from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.session.hints import Hint
from switchboard_signaling.session.records import Question, Reply


class BrokerUnavailableError(Exception):
    """The store did not answer in time, or cannot serve just now. Remedy: ask again; nothing was half done."""


class Broker(Protocol):
    """Shared state and hints."""

    ledger: Ledger
    """What pods write down together besides sessions."""

    @property
    def durable(self) -> bool:
        """Whether sessions outlive the pod."""

    @property
    def deaf(self) -> bool:
        """Whether hints do not reach this pod although the store answers: others should get its clients."""

    async def start(self, on_hint: Callable[[Hint], None]) -> None:
        """Connect; from then on hints for this pod reach `on_hint`. Raises BrokerUnavailableError."""

    async def close(self) -> None:
        """Let go of all connections and tasks."""

    async def ask(self, question: Question) -> Reply:
        """Answer a session's question atomically. Raises BrokerUnavailableError."""

    async def proposals(self) -> list[Proposal]:
        """Return what this pod's mailbox holds, and note that the pod lives. Raises BrokerUnavailableError."""

    def tell(self, pod: str, hint: Hint) -> None:
        """Send a hint to another pod, without waiting; it may be lost."""
