"""Answers that every application gives alike."""

from aiohttp import web
from msgspec import json


def answer_json(body: object, status: int = 200) -> web.Response:
    """Return a JSON answer that no cache keeps."""
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=json.encode(body), status=status, headers=headers, content_type="application/json")
