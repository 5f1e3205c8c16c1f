"""The code of the guide to the Python client works."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.signaling.pods import SECONDS, pod_alone

from switchboard_signaling.client import core

GUIDE = (Path(__file__).parents[4] / "docs" / "how-to" / "python-client.md").read_text(encoding="utf-8")


@pytest.fixture
def guide() -> dict[str, Any]:
    """The names that the guide's code defines."""
    names: dict[str, Any] = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)), names)
    return names


async def test_the_two_bots_of_the_guide_talk_to_each_other(guide: dict[str, Any], tmp_path: Path) -> None:
    async with pod_alone(tmp_path) as running:
        url = str(running.public.make_url("/ws"))
        echo = asyncio.create_task(guide["echo"](url))
        async with asyncio.timeout(SECONDS):
            assert await guide["hello"](url) == "Hello!"
            assert await guide["hello"](url) == "Hello!"  # the echo has joined the queue again
        echo.cancel()
        await asyncio.wait([echo])


def test_the_table_has_each_event() -> None:
    named = {
        name for row in re.findall(r"^\| (`[^|]*) \|", GUIDE, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert named == {kind.__name__ for kind in core.Event.__args__}
