"""The SDK's documentation from the types of its public API: the reference page, and tables in its README."""

import json
import re
from typing import Final

from tools.npm import ROOT, npm_packages, program, run

SDK: Final = ROOT / "sdk"
_TABLE: Final = re.compile(
    r"(<!-- (\w+): generated from the types by `make generate` -->\n).*?(<!-- end -->\n)", re.DOTALL
)


def sdk_docs() -> tuple[str, str]:
    """Return the reference page and the README; exits with the compiler's message if a public type is wrong."""
    script = str(ROOT / "tools" / "sdk_reference.mjs")
    found = json.loads(run([program("node"), script, str(npm_packages()), str(SDK)], ROOT))
    return found["page"], readme((SDK / "README.md").read_text(), found["tables"])


def readme(text: str, tables: dict[str, str]) -> str:
    """Return a README with the table of a type between the comments that name it; raises KeyError for another name."""
    return _TABLE.sub(lambda match: f"{match[1]}\n{tables[match[2]]}\n\n{match[3]}", text)
