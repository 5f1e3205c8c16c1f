"""The SDK's quick starts as applications, built from its packed npm package, on an origin of their own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.node import install, readme_example
from tools.npm import tool
from tools.pack_sdk import pack

POOL = "wss://calls.example.com/ws"
"""The pool of the quick starts."""
FROM_POOL = re.compile(r"https://calls\.example\.com/web/sdk/[\d.]+/")
VITE = {
    "index.html": '<!doctype html><title>Calls</title><div id="root"></div>'
    '<script type="module" src="/src/main.jsx"></script>',
    "vite.config.js": 'import react from "@vitejs/plugin-react";\n'
    'export default { base: "/react/", plugins: [react()], build: { outDir: "react" } };',
    "src/main.jsx": 'import { createRoot } from "react-dom/client";\nimport App from "./App.jsx";\n'
    'createRoot(document.getElementById("root")).render(<App />);',
}


def build(folder: Path) -> Path:
    """Pack the SDK, install it in a project, and build the quick start with React by Vite; return the project."""
    project = folder / "project"
    install(pack(folder), project)
    (project / "plain.html").write_text(FROM_POOL.sub("/node_modules/switchboard-webrtc/src/", readme_example("html")))
    (project / "src").mkdir()
    for name, text in {**VITE, "src/App.jsx": readme_example("jsx")}.items():
        (project / name).write_text(text)
    tool("vite", "bin/vite.js", "build", cwd=project)
    return project


@asynccontextmanager
async def serving(project: Path) -> AsyncIterator[tuple[TestServer, dict[str, str]]]:
    """Serve a project's files, with texts to replace in them; yield the server and the replacements."""
    replacements: dict[str, str] = {}

    async def file(request: web.Request) -> web.Response:
        path = project / request.match_info["name"]
        if not path.is_file():
            raise web.HTTPNotFound
        text = path.read_text()
        for old, new in replacements.items():
            text = text.replace(old, new)
        kind = {".html": "text/html", ".js": "text/javascript"}[path.suffix]
        return web.Response(text=text, content_type=kind)

    async def icon(_request: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/favicon.ico", icon)
    app.router.add_get("/{name:.+}", file)
    async with TestServer(app, host="localhost") as server:
        yield server, replacements
