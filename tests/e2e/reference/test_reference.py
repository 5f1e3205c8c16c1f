"""The generated reference in the eyes of the tools that read such documents."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TOOLS = ROOT / "build" / "tests" / "reference"

CALLER = """
import type { ClientFrame, CloseCode, ServerFrame } from "./protocol";

export function answer(frame: ServerFrame): ClientFrame | undefined {
  switch (frame.type) {
    case "heartbeat":
      return { type: "heartbeat", intent: { state: "idle", revision: 0 } };
    case "offer":
      return { type: "ack", match: frame.match, from: frame.from, to: frame.to, seq: frame.seq };
    default:
      return undefined;
  }
}

export const hello: ClientFrame = { type: "hello", socket: 1, instance: "page" };
export const gone: CloseCode = 1001;
// @ts-expect-error a frame needs its fields
export const wrong: ClientFrame = { type: "hello" };
"""


@pytest.fixture(scope="module")
def tools() -> Path:
    """The pinned judges, installed once a checkout."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, TOOLS)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], TOOLS)
    return TOOLS / "node_modules"


def run(command: list[str], folder: Path) -> None:
    """Run a command; fail with what it said."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_asyncapi_document_is_one(tools: Path) -> None:
    document = yaml.safe_load((ROOT / "docs" / "reference" / "asyncapi.yaml").read_text())
    schema = json.loads((tools / "@asyncapi" / "specs" / "schemas" / "3.0.0-without-$id.json").read_text())
    problems = [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(document)]
    assert problems == []


def test_the_types_compile_and_tell_frames_apart(tools: Path, tmp_path: Path) -> None:
    types = ROOT / "sdk" / "src" / "protocol.d.ts"
    shutil.copy(types, tmp_path)
    (tmp_path / "caller.ts").write_text(CALLER)
    run([str(tools / ".bin" / "tsc"), "--strict", "--noEmit", "caller.ts", "protocol.d.ts"], tmp_path)
