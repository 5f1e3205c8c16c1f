"""Bad network conditions for one page, emulated by the browser, without root and namespaces."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import CDPSession
from tests.browser.call import CallPage

NEUTRAL = {"offline": False, "latency": 1, "downloadThroughput": -1, "uploadThroughput": -1}
"""Enabled without effect: without latency and throughput, Chromium disables the emulation whatever the other fields."""


@dataclass
class Link:
    """The network of a page."""

    session: CDPSession

    @classmethod
    async def of(cls, person: CallPage) -> "Link":
        """Enable the emulation for a page; it applies to connections that are created afterwards."""
        link = cls(await person.page.context.new_cdp_session(person.page))
        await link.session.send("Network.enable")
        await link.set()
        return link

    async def set(self, **conditions: Any) -> None:
        """Set the conditions; `packetLoss` is in percent, throughputs are in bytes per second."""
        await self.session.send("Network.emulateNetworkConditions", {**NEUTRAL, **conditions})
