"""The JavaScript client does what the shared vectors say."""

from importlib import resources
from pathlib import Path

from tests.node import run_tests

ROOT = Path(__file__).resolve().parents[3]
VECTORS = resources.files("switchboard_signaling") / "wire" / "vectors"


def test_the_javascript_client_obeys_the_vectors() -> None:
    tests = Path(__file__).with_name("vectors.test.mjs")
    run_tests(tests, SDK=str(ROOT / "sdk" / "src"), VECTORS=str(VECTORS))
