"""Which interpreter a job gets: what its words lead to when it comes."""

import os
import subprocess
import sys

import pytest

from svcfw.agent.template.templates import Templates, UnfitInterpreter
from svcfw.agent.warm.job import SourceJob
from tests.support.interpreters import need_python
from tests.support.timing import seconds, wait_until
from tests.unit.agent.fakes import FakeRouter, drain

pytestmark = pytest.mark.filterwarnings('ignore:.*use of fork.*:DeprecationWarning')

WHO = 'import os, sys; print("%d.%d" % sys.version_info[:2], os.getppid(), sys.executable)'


class FakeJob:
    def __init__(self, key):
        self.key = key
        self.status = None
        self.declined = None

    def exited(self, status, ran=()):
        self.status = status

    def decline(self, cause):
        self.declined = cause


class Served:
    """The templates of an agent, on a loop."""

    def __init__(self):
        self.router = FakeRouter()
        self.templates = Templates(self.router.loop)
        self._key = 0

    def output(self, words, text=WHO):
        """What a job prints (list of words); AssertionError unless it ends well."""
        self._key += 1
        job = FakeJob(self._key)
        out, out_w = os.pipe()
        err, err_w = os.pipe()
        described = SourceJob([str(word) for word in words], {}, text.encode())
        try:
            self.templates.run(job, described, seconds(20), {}, (out_w, err_w))
        finally:
            os.close(out_w)
            os.close(err_w)
        self.router.until(lambda: job.status is not None or job.declined, 'the end of the job')
        printed, complaint = drain(out), drain(err)
        os.close(out)
        os.close(err)
        assert (job.status, job.declined) == (0, None), complaint
        return printed.decode().split()

    def close(self):
        current = self.templates._current() + self.templates._retired + self.templates._ended
        self.templates.retire()
        for template in current:
            wait_until(template.reap, seconds(20), 'the end of the template')
        self.router.loop.close()


@pytest.fixture
def served():
    made = Served()
    yield made
    made.close()


def test_ones_own_under_two_names_is_one_template(served, tmp_path):
    # Beside the real one, so that it is of the same environment.
    first = served.output([sys.executable])
    assert served.output(['/usr/bin/env', sys.executable])[:2] == first[:2]
    assert first[2] == sys.executable


def test_a_link_that_is_moved(served, tmp_path):
    old, new = need_python('3.8'), need_python('3.13')
    link = tmp_path / 'python'
    link.symlink_to(old)
    first = served.output([link])
    assert served.output([link]) == first
    assert (first[0], first[2]) == ('3.8', str(link))
    link.unlink()
    link.symlink_to(new)
    assert served.output([link])[0] == '3.13'
    link.unlink()
    with pytest.raises(UnfitInterpreter):
        served.output([link])
    link.symlink_to(old)
    assert served.output([link])[0] == '3.8'


def test_ones_own_once_something_was_installed(monkeypatch, tmp_path):
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    monkeypatch.setattr(sys, 'path', [*sys.path, str(tmp_path)])
    served = Served()
    try:
        first = served.output([sys.executable])
        (tmp_path / 'package.py').write_text('')
        second = served.output([sys.executable])
        assert first[1] != second[1]
        assert served.output([sys.executable]) == second
    finally:
        served.close()


def test_a_template_that_is_spent_is_replaced(served, monkeypatch):
    for words in ([sys.executable], [need_python('3.8')]):
        first = served.output(words)
        (template,) = [each for each in served.templates._current() if str(each._pid) == first[1]]
        monkeypatch.setattr(template, '_is_spent', True)
        assert served.output(words)[1] != first[1]


def test_a_virtual_environment_that_is_made_anew_with_another_python(served, tmp_path):
    venv = tmp_path / 'venv'
    for version in ('3.8', '3.13'):
        subprocess.run([need_python(version), '-m', 'venv', '--clear', '--without-pip', venv], check=True)
        assert served.output([venv / 'bin/python'])[::2] == [version, str(venv / 'bin/python')]


def test_the_current_folder_of_releases_moves(served, tmp_path):
    """Both environments have the same Python; only which one it is differs."""
    for name in ('one', 'two'):
        subprocess.run([sys.executable, '-m', 'venv', '--without-pip', tmp_path / name], check=True)
    current = tmp_path / 'current'
    for name in ('one', 'two'):
        current.unlink(missing_ok=True)
        current.symlink_to(name)
        prefix = served.output([current / 'bin/python'], 'import os, sys; print(os.path.realpath(sys.prefix))')
        assert prefix == [str(tmp_path / name)]


def test_a_wrapper_that_goes_by_a_file_it_names(served, tmp_path):
    settings = tmp_path / 'settings'
    wrapper = tmp_path / 'python'
    wrapper.write_text(f'#!/bin/sh\n. {settings}\nexec "$PYTHON" "$@"\n')
    wrapper.chmod(0o755)
    for version in ('3.8', '3.13'):
        settings.write_text(f'PYTHON={need_python(version)}\n')
        assert served.output([wrapper])[0] == version
