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
    """Serve a folder as the pod does its page."""
    app, files = web.Application(), Files(folder, "1.2.3")

    async def version(request: web.Request) -> web.Response:
        return files.answer_version(request, request.match_info["version"], request.match_info["name"])

    async def current(request: web.Request) -> web.Response:
        return files.answer(request, request.match_info["name"])

    app.router.add_get("/web/sdk/{version}/{name}", version)
    app.router.add_get("/web/{name:.+}", current)
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


async def test_the_path_with_the_sdks_version_is_kept_for_a_year(tmp_path: Path) -> None:
    write(tmp_path, "one")
    async with serving(tmp_path) as client:
        answer = await client.get("/web/sdk/1.2.3/module.js")
        assert (answer.status, await answer.text()) == (200, "one")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        again = await client.get("/web/sdk/1.2.3/module.js", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status, again.headers["Cache-Control"]) == (304, answer.headers["Cache-Control"])


@pytest.mark.parametrize("version", ["1.2.4", "1.2", "latest"])
async def test_another_version_is_not_found_and_the_answer_names_the_one_that_is_served(
    tmp_path: Path, version: str
) -> None:
    write(tmp_path, "one")
    async with serving(tmp_path) as client:
        answer = await client.get(f"/web/sdk/{version}/module.js")
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
        text = await answer.text()
        assert "serves version 1.2.3" in text
        assert "Remedy: import /web/sdk/1.2.3/index.js" in text


@pytest.mark.parametrize(
    "name",
    [
        "missing.js",
        "sdk/1.2.3/missing.js",
        "sdk/1.2.3/../../../secret",
        "sdk",
        "sdk/",
        "../secret",
        "%2e%2e/secret",
        "sdk/../../secret",
        "/etc",
    ],
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
