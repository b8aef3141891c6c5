"""The interpreter that a job names, and whether it is the one that runs."""

import sys

from svcfw.agent import interpreter


def test_this_interpreter_is_recognised(tmp_path):
    own = interpreter.Own()
    assert own.hosts(sys.executable)
    assert not own.hosts('/bin/sh')
    assert not own.hosts('/nowhere/python3')


def test_more_than_the_name_of_a_program_is_none():
    assert interpreter.program([sys.executable]) == sys.executable
    assert interpreter.program([]) is None
    assert interpreter.program([sys.executable, '-I']) is None
    assert interpreter.program(['/nowhere/python3']) is None


def test_another_name_of_the_same_file_is_the_same_interpreter(monkeypatch, tmp_path):
    real, other = tmp_path / 'bin' / 'python3.99', tmp_path / 'usr' / 'python3'
    for path in (real, other):
        path.parent.mkdir()
    real.write_text('')
    real.chmod(0o755)
    other.symlink_to(real)
    monkeypatch.setattr(sys, 'executable', str(real))
    monkeypatch.setenv('PATH', str(other.parent))
    own = interpreter.Own()
    assert own.hosts(str(other))
    assert interpreter.program(['/usr/bin/env', 'python3']) == str(other)
    (tmp_path / 'pyvenv.cfg').write_text('')
    own = interpreter.Own()
    assert own.hosts(str(real))
    other.unlink()
    (tmp_path / 'venv' / 'bin').mkdir(parents=True)
    (tmp_path / 'venv' / 'pyvenv.cfg').write_text('')
    inside = tmp_path / 'venv' / 'bin' / 'python'
    inside.symlink_to(real)
    assert not own.hosts(str(inside))
