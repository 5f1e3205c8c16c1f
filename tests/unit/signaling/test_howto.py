"""What the how-to about authentication says works."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.signaling.jwts import secret_dir

from switchboard_crds.signaling_pool import SignalingPoolSpec
from switchboard_signaling.server.access.authentication import SecretSource, Verifier
from switchboard_signaling.server.access.keys import SharedSecrets

HOWTO = (Path(__file__).parents[3] / "docs" / "how-to" / "authenticate.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", HOWTO, re.DOTALL)


async def test_a_jwt_of_the_shown_issuer_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = b"c2VjcmV0" * 8
    (tmp_path / "jwt-secret").write_bytes(secret)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    [issuer] = blocks("python")
    exec(issuer, names)
    verifier = Verifier(
        SecretSource(SharedSecrets(secret_dir(tmp_path / "auth", one=secret))), "https://app.example", "calls"
    )
    assert (await verifier.verify(names["token_for"]("ada"))).sub == "ada"


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_shown_specs_have_no_field_that_does_not_exist(text: str) -> None:
    given = yaml.safe_load(text)["spec"]
    spec = SignalingPoolSpec.model_validate({"environment": "Development", **given})
    shown = spec.model_dump(by_alias=True, mode="json", exclude_unset=True)
    assert {name: shown[name] for name in given} == given
