"""Scripts and the parts that they include."""

import hashlib
from pathlib import Path

from switchboard_signaling.valkey.scripts import Script


def test_a_script_is_its_file_with_its_includes(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "clock.lua").write_text("local now = 1\n")
    (tmp_path / "read.lua").write_text("#!lua\n--include clock\nreturn now\n")
    script = Script(tmp_path, "read")
    assert script.text == "#!lua\nlocal now = 1\nreturn now\n"
    assert script.sha == hashlib.sha1(script.text.encode(), usedforsecurity=False).hexdigest()
