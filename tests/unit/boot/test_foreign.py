"""What is found in other programs' source: what they import, what they export, and what of a program is left out."""

import pytest

from svcfw.boot import foreign


@pytest.mark.parametrize(
    ('text', 'package', 'found'),
    [
        ('import a.b.c', '', {'a', 'a.b', 'a.b.c'}),
        ('from a.b import c, d as e', '', {'a', 'a.b', 'a.b.c', 'a.b.d'}),
        ('from . import c', 'p.q', {'p', 'p.q', 'p.q.c'}),
        ('from .c import d', 'p.q', {'p', 'p.q', 'p.q.c', 'p.q.c.d'}),
        ('from ..c import d', 'p.q', {'p', 'p.c', 'p.c.d'}),
        ('from . import c', '', set()),
    ],
)
def test_every_module_that_a_statement_may_load(text: str, package: str, found: set[str]) -> None:
    assert set(foreign.imports(foreign.parse(text), package)) == found


@pytest.mark.parametrize(
    'block',
    [
        'def f():\n    {}',
        'class C:\n    def f(self):\n        {}',
        'if x:\n    pass\nelif y:\n    pass\nelse:\n    {}',
        'try:\n    pass\nexcept E:\n    {}',
        'try:\n    pass\nfinally:\n    {}',
        'for x in y:\n    pass\nelse:\n    {}',
        'match x:\n    case 1:\n        {}',
    ],
)
def test_imports_in_every_kind_of_block(block: str) -> None:
    assert list(foreign.imports(foreign.parse(block.format('import a')), '')) == ['a']


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('__all__ = ["a", "b"]\n__all__ += ("c",)', ['a', 'b', 'c']),
        ('__all__: list[str] = ["a"]', ['a']),
        ('__all__: list[str]', []),
        ('__all__ = ["a", name, 5]', ['a']),
        ('__all__ = other.__all__', []),
        ('x = ["a"]', []),
    ],
)
def test_exported_names_as_far_as_they_are_written_down(text: str, names: list[str]) -> None:
    assert foreign.exported(foreign.parse(text)) == names


def stripped(text: str) -> str:
    return foreign.without_main_guard(foreign.parse(text), text, '/house/program.py')


def test_a_programs_own_run_is_left_out_and_its_lines_keep_their_numbers() -> None:
    text = (
        'x = 1\nif __name__ == "__main__":\n    run(\n        x)\nz = "a\fb"\nif "__main__" == __name__: run()\ny = 2\n'
    )
    assert stripped(text) == 'x = 1\n\n\n\nz = "a\fb"\n\ny = 2\n'


@pytest.mark.parametrize(
    'text',
    [
        'import svcfw\n@svcfw.main()\ndef run(router): pass\n',
        'import svcfw as s\n@s.main(log_level=10)\nasync def run(router): pass\n',
        'from svcfw import main\n@main()\ndef run(router): pass\n',
        'from svcfw import main as start\n@start()\ndef run(router): pass\n',
    ],
)
def test_a_main_function_is_not_run_by_an_import_so_all_of_it_stays(text: str) -> None:
    assert stripped(text) == text


@pytest.mark.parametrize(
    'text',
    [
        'run()\n',
        'import svcfw\n@svcfw.main\ndef run(router): pass\n',
        'import svcfw\n@svcfw.other()\ndef run(router): pass\n',
        'import other\n@other.main()\ndef run(router): pass\n',
        'from .svcfw import main\n@main()\ndef run(router): pass\n',
        'def outer():\n    if __name__ == "__main__":\n        run()\n',
    ],
)
def test_a_program_that_an_import_would_run_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=r'/house/program\.py would run there .* @svcfw\.main\(\)'):
        stripped(text)


@pytest.mark.parametrize(('text', 'error'), [('def', SyntaxError), ('a\0', (SyntaxError, ValueError))])
def test_what_is_no_program(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        foreign.parse(text)
