"""Bad links for one page of a test, by the browser's own emulation: it needs no root and no namespace."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import CDPSession
from tests.browser.call import CallPage

NEUTRAL = {"offline": False, "latency": 1, "downloadThroughput": -1, "uploadThroughput": -1}
"""On, and harmless. Without latency and throughput Chromium switches the emulation off, other fields or not."""


@dataclass
class Link:
    """A page's network."""

    session: CDPSession

    @classmethod
    async def of(cls, person: CallPage) -> "Link":
        """Take over a page's network; only connections that are made afterwards obey it."""
        link = cls(await person.page.context.new_cdp_session(person.page))
        await link.session.send("Network.enable")
        await link.set()
        return link

    async def set(self, **conditions: Any) -> None:
        """Change it at once; `packetLoss` is in percent."""
        await self.session.send("Network.emulateNetworkConditions", {**NEUTRAL, **conditions})
