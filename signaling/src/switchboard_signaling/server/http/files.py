"""The call page's and the SDK's files, revalidated by their content."""

import hashlib
import mimetypes
import os
from pathlib import Path
from typing import Final

from aiohttp import ETag, web

TYPES: Final = mimetypes.MimeTypes()
"""Python's own table: the machine's may call JavaScript something that browsers do not run."""


class Files:
    """The files of a folder, read once.

    Browsers keep them, but ask each time whether they changed (`no-cache`), so that no page mixes the modules of two
    versions. The entity tag is a digest of the content: in the image every file has the same modification time, from
    which aiohttp's static files would make equal tags for different files of equal size.
    """

    def __init__(self, folder: Path) -> None:
        """Read all files of the folder, also behind links: in a checkout, `sdk` is one. Raises OSError."""
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
        """Return the answer for a file; raises HTTPNotFound."""
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
