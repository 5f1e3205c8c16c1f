"""What the repository says about itself."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_license_is_the_same_everywhere() -> None:
    assert re.match(r"\s*Apache License\s+Version 2\.0, January 2004\s", (ROOT / "LICENSE").read_text())
    packages = [tomllib.loads(path.read_text())["project"]["license"] for path in ROOT.glob("*/pyproject.toml")]
    assert packages == ["Apache-2.0"] * 5
    chart = yaml.safe_load((ROOT / "charts" / "switchboard" / "Chart.yaml").read_text())
    assert chart["annotations"]["artifacthub.io/license"] == "Apache-2.0"


def test_the_readme_names_both_commands_of_a_fresh_machine() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    used = re.findall(r"^make ([a-z-]+)", "".join(blocks), re.MULTILINE)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert used[0] == "up"
    assert used[-1] == "test"
    assert set(used) <= set(targets)
