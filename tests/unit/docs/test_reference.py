"""The reference says what the docstrings say."""

import importlib.util
import inspect
import re
from pathlib import Path

from svcfw.transport.spec import Spec

DOCS = Path(__file__).parents[3] / 'docs'


def test_the_page_is_what_would_be_written_now() -> None:
    spec = importlib.util.spec_from_file_location('make_reference', DOCS / 'make_reference.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / 'reference.md').read_text('utf-8') == module.page(), 'run python -m docs.make_reference'


def test_each_field_of_a_spec_is_listed() -> None:
    listed = {
        name
        for names in re.findall(r'^- \*\*`([\w, ]+)`\*\*: ', (DOCS / 'reference.md').read_text('utf-8'), re.M)
        for name in names.split(', ')
    }
    assert set(inspect.signature(Spec).parameters) - listed == {'unknown'}
