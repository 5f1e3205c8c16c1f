"""Tables of types in the SDK's README."""

import pytest
from tools.sdk_docs import readme

TEXT = """# SDK
<!-- Options: generated from the types by `make generate` -->
an old table
<!-- end -->
After it.
"""


def test_the_table_of_a_type_replaces_what_is_between_its_comments() -> None:
    filled = readme(TEXT, {"Options": "| a |"})
    assert filled == TEXT.replace("an old table\n", "\n| a |\n\n")
    assert readme(filled, {"Options": "| a |"}) == filled


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(KeyError, match="Options"):
        readme(TEXT, {})
