"""The reference says what the docstrings say."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[3] / 'docs'


def test_the_page_is_what_would_be_written_now() -> None:
    spec = importlib.util.spec_from_file_location('make_reference', DOCS / 'make_reference.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / 'reference.md').read_text('utf-8') == module.page(), 'run python -m docs.make_reference'
