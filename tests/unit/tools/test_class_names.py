"""The check of class names."""

from tools.class_names import classes, duplicates


def test_a_duplicate_name_is_reported_with_its_locations() -> None:
    modules = [
        ("a.py", "class One: ...\n\n\nclass Two:\n    class Three: ...\n"),
        ("b.py", "x = 1\nclass Three: ...\n"),
    ]
    assert duplicates(modules) == ["class Three is defined 2 times: a.py:5, b.py:2"]


def test_a_duplicate_within_one_module_is_reported() -> None:
    assert duplicates([("a.py", "class One: ...\nclass One: ...\n")]) == [
        "class One is defined 2 times: a.py:1, a.py:2"
    ]


def test_imports_and_aliases_define_no_class() -> None:
    assert list(classes("from a import One\nTwo = One\ntype_of = type('Three', (), {})\n")) == []
