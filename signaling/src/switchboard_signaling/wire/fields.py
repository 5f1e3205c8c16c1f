"""The types of the frames' fields, with their bounds: what a client that checks its own frames must know."""

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

MAX_FRAME_BYTES: Final = 64 * 1024
"""Largest frame, in bytes of UTF-8: an SDP with many codecs is about 10 KiB."""
MAX_CHAT: Final = 4096
"""Letters in one chat frame."""
MAX_SPAN_MS: Final = 3_600_000
MAX_BITRATE: Final = 10_000_000_000

Counter = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$(?!\n)")]
"""The pattern means the same in Python, whose `$` alone lets a last newline pass, and in JSON Schema."""
KnownId = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema={"pattern": r"^[A-Za-z0-9_.:-]+$(?!\n)"})]
"""An id that is compared with one already known. Lane frames are most of all frames, and matching three patterns would
take longer than all the rest of their decoding."""
Token = Annotated[str, Meta(min_length=1, max_length=1024)]
Jwt = Annotated[str, Meta(min_length=1, max_length=8192)]
"""JSON Web Token (RFC 7519); issuers put much into them."""
Sdp = Annotated[str, Meta(max_length=MAX_FRAME_BYTES)]
ChatText = Annotated[str, Meta(max_length=MAX_CHAT)]
Word = Annotated[str, Meta(max_length=64)]
Milliseconds = Annotated[float, Meta(ge=0, le=MAX_SPAN_MS)]
Bitrate = Annotated[float, Meta(ge=0, le=MAX_BITRATE)]
"""Bits per second."""
Share = Annotated[float, Meta(ge=0, le=1)]
Code = Annotated[str, Meta(max_length=32, pattern=r"^[a-z][a-z0-9-]*$(?!\n)")]
Path: TypeAlias = Literal["direct", "relay"]
Blocked = Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=64)]
"""Subjects, as JWTs name them."""
Attributes = Annotated[dict[Word, Word], Meta(max_length=16)]
