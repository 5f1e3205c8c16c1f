"""The broker interface."""

from collections.abc import Callable
from typing import Protocol

from switchboard_signaling.broker.shared_stats import SharedStats
from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.session.hints import Hint
from switchboard_signaling.session.records import Question, Reply


class BrokerUnavailableError(Exception):
    """The store did not answer in time or is unavailable. Remedy: ask again; a question is never half done."""


class Broker(Protocol):
    """Shared state and hints."""

    shared_stats: SharedStats
    """What pods share besides sessions and matches."""

    @property
    def durable(self) -> bool:
        """Whether sessions survive the pod."""

    @property
    def deaf(self) -> bool:
        """Whether hints do not reach this pod although the store answers: it should get no clients."""

    async def start(self, on_hint: Callable[[Hint], None]) -> None:
        """Connect, and pass hints for this pod to `on_hint` from then on. Raises BrokerUnavailableError."""

    async def close(self) -> None:
        """Close all connections and end all tasks."""

    async def ask(self, question: Question) -> Reply:
        """Answer a session's question atomically. Raises BrokerUnavailableError."""

    async def proposals(self) -> list[Proposal]:
        """Return the proposals in this pod's mailbox; also the pod's heartbeat. Raises BrokerUnavailableError."""

    def send_hint(self, pod: str, hint: Hint) -> None:
        """Send a hint to another pod without waiting; it may be lost."""
