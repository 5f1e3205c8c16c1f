"""The files of the call page and of the SDK, with entity tags of their content."""

import hashlib
import mimetypes
import os
from pathlib import Path
from typing import Final

from aiohttp import ETag, web

TYPES: Final = mimetypes.MimeTypes()
"""Python's own table: the machine's may call JavaScript something that browsers do not run."""
REVALIDATE: Final = "no-cache"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""A year, without revalidation (RFC 8246)."""


class Files:
    """The files of a folder, read once.

    Browsers cache them but revalidate each time (`no-cache`), so that a page never mixes modules of two versions. The
    entity tag is a digest of the content. aiohttp's static files derive it from time and size, but in the image all
    files have the same modification time.
    """

    def __init__(self, folder: Path, version: str) -> None:
        """Read all files of the folder, also behind links: in a checkout, `sdk` is one. Raises OSError.

        `version` is the SDK's.
        """
        self._version = version
        self._files = {
            path.relative_to(folder).as_posix(): (body, hashlib.sha256(body).hexdigest()[:32], _type(path))
            for root, _, names in os.walk(folder, followlinks=True)
            for path in [Path(root, name) for name in names]
            for body in [path.read_bytes()]
        }

    def answer_version(self, request: web.Request, version: str, name: str) -> web.Response:
        """Return the answer for the SDK's file `name`, for caches to keep; raises HTTPNotFound for another version."""
        if version != self._version:
            raise web.HTTPNotFound(
                headers={"Cache-Control": "no-store"},  # after an upgrade of the pool, this version may be served
                text=f"This pool serves version {self._version} of the SDK. Remedy: import "
                f"/web/sdk/{self._version}/index.js, or /web/sdk/index.js for the pool's current version.\n",
            )
        return self.answer(request, f"sdk/{name}", IMMUTABLE)

    def answer(self, request: web.Request, name: str, cache: str = REVALIDATE) -> web.Response:
        """Return the answer for a file, with its Cache-Control; raises HTTPNotFound."""
        if name not in self._files:
            raise web.HTTPNotFound
        body, tag, content_type = self._files[name]
        known = any(one.value in (tag, "*") for one in request.if_none_match or ())
        response = web.Response(status=304) if known else web.Response(body=body, content_type=content_type)
        response.etag = ETag(tag)
        response.headers["Cache-Control"] = cache
        return response


def _type(path: Path) -> str:
    return TYPES.guess_type(path.name)[0] or "application/octet-stream"
