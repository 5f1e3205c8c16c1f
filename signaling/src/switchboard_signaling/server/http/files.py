"""The files of the call page and of the SDK, with entity tags of their content."""

import hashlib
import mimetypes
import os
from pathlib import Path
from typing import Final

from aiohttp import ETag, web

TYPES: Final = mimetypes.MimeTypes()
"""Python's own table: the machine's may give JavaScript a type that browsers refuse to run."""


class Files:
    """The files of a folder, read once.

    Browsers cache them but revalidate each time (`no-cache`), so that a page never mixes modules of two versions. The
    entity tag is a digest of the content. aiohttp's static files derive it from time and size, but in the image all
    files have the same modification time.
    """

    def __init__(self, folder: Path) -> None:
        """Read all files of the folder, following links, because `sdk` is one in a checkout. Raises OSError."""
        self._files = {
            path.relative_to(folder).as_posix(): (body, hashlib.sha256(body).hexdigest()[:32], _type(path))
            for queue_token, _, names in os.walk(folder, followlinks=True)
            for path in [Path(queue_token, name) for name in names]
            for body in [path.read_bytes()]
        }

    async def serve(self, request: web.Request) -> web.Response:
        """Answer the file that the route's `name` names; 304 if the client has it, 404 if there is none."""
        return self.answer(request, request.match_info["name"])

    def answer(self, request: web.Request, name: str) -> web.Response:
        """Return the response for a file, 304 if the client has it; raises HTTPNotFound."""
        if name not in self._files:
            raise web.HTTPNotFound
        body, tag, content_type = self._files[name]
        known = any(one.value in (tag, "*") for one in request.if_none_match or ())
        response = web.Response(status=304) if known else web.Response(body=body, content_type=content_type)
        response.etag = ETag(tag)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _type(path: Path) -> str:
    return TYPES.guess_type(path.name)[0] or "application/octet-stream"
