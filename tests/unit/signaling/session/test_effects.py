"""Effects of a session."""

from switchboard_signaling.session.effects import Send, send_error
from switchboard_signaling.wire import errors
from switchboard_signaling.wire.messages import FrameRef, error_frame

REF = FrameRef("offer", match_id="m", seq=7)


def test_an_error_is_sent_with_its_detail_and_reference() -> None:
    assert send_error(errors.BAD_FRAME, "why") == Send(error_frame(errors.BAD_FRAME, "why"))
    assert send_error(errors.NOT_IN_MATCH, ref=REF) == Send(error_frame(errors.NOT_IN_MATCH, ref=REF))
