"""The page's files: entity tags of their content, and nothing outside their folder."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from switchboard_signaling.server.http.files import Files


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[TestClient[Any, Any]]:
    """Serve a folder as a pod serves its page."""
    app = web.Application()
    app.router.add_get("/web/{name:.+}", Files(folder).serve)
    async with TestClient(TestServer(app)) as client:
        yield client


def write(folder: Path, text: str) -> None:
    """Write a module with a constant modification time, as in an image."""
    (folder / "sdk").mkdir(exist_ok=True)
    file = folder / "sdk" / "module.js"
    file.write_text(text)
    os.utime(file, (0, 0))


async def test_a_cached_file_is_not_sent_again(tmp_path: Path) -> None:
    write(tmp_path, "one")
    async with serving(tmp_path) as client:
        first = await client.get("/web/sdk/module.js")
        assert (first.status, await first.text()) == (200, "one")
        assert first.content_type.endswith("/javascript")
        assert first.headers["Cache-Control"] == "no-cache"
        tag = first.headers["ETag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await client.get("/web/sdk/module.js", headers={"If-None-Match": known})
            assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
            assert again.headers["Cache-Control"] == "no-cache"


async def test_another_version_of_equal_size_and_time_is_sent(tmp_path: Path) -> None:
    write(tmp_path, "one")
    async with serving(tmp_path) as client:
        tag = (await client.get("/web/sdk/module.js")).headers["ETag"]
    write(tmp_path, "two")
    async with serving(tmp_path) as client:
        changed = await client.get("/web/sdk/module.js", headers={"If-None-Match": tag})
        assert (changed.status, await changed.text()) == (200, "two")


@pytest.mark.parametrize(
    "name", ["missing.js", "sdk", "sdk/", "../secret", "%2e%2e/secret", "sdk/../../secret", "/etc"]
)
async def test_a_path_outside_the_folder_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "web").mkdir()
    write(tmp_path / "web", "one")
    async with serving(tmp_path / "web") as client:
        assert (await client.get(f"/web/{name}")).status == 404


async def test_a_linked_folder_is_served(tmp_path: Path) -> None:
    for folder in ("elsewhere", "web"):
        (tmp_path / folder).mkdir()
    write(tmp_path / "elsewhere", "one")
    (tmp_path / "web" / "sdk").symlink_to("../elsewhere/sdk")
    async with serving(tmp_path / "web") as client:
        assert await (await client.get("/web/sdk/module.js")).text() == "one"


async def test_a_file_of_an_unknown_type_is_served_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "file.unknown-type").write_text("one")
    async with serving(tmp_path) as client:
        assert (await client.get("/web/file.unknown-type")).content_type == "application/octet-stream"
