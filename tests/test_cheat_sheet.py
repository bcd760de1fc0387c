"""The tables of docs/cheat_sheet.md say what the layers do."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.mark.slow
def test_the_page_has_the_tables_of_the_script():
    spec = importlib.util.spec_from_file_location(
        "cheat_sheet", DOCS / "cheat_sheet.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (DOCS / "cheat_sheet.md").read_text(encoding="utf-8")
    for table in script.tables():
        assert table in page, f"`python docs/cheat_sheet.py` prints:\n\n{table}"
