"""The cold way: a new interpreter for the job, with its environment, which reads its program from stdin as stock does.

Slow (a few hundred ms), and right for any environment. Parameters are sent through a pipe, never as arguments.
"""

import os
import signal

from svcfw.agent.warm import environment, locales
from svcfw.agent.warm.job import SourceJob

_HEAD = """import os, sys
{link}sys.path[:] = [path for path in sys.path if path not in ('', '.', os.getcwd())]
sys.path.insert(0, {root!r})
"""

_LINK = """sys.svcfw_link = {0}, None
os.set_inheritable({0}, False)
"""
#: For a source, which is not ours to add to.
_LINK_VARIABLE = b'SVCFW_LINK'

_V1 = """import runpy
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = {params!r}
runpy.run_module(mod_name={fqn!r}, init_globals=dict(_module_fqn={fqn!r}, _modlib_path={root!r}),
                 run_name='__main__', alter_sys=True)
print('{{"msg": "New-style module did not handle its own exit", "failed": true}}')
sys.exit(1)
"""

_V2 = """from ansible.module_utils._internal._ansiballz import _loader
_loader.run_module(json_params={params!r}, profile={profile!r}, module_fqn={fqn!r},
                   modlib_path={root!r}, extensions={{}}{secrets})
"""


def start(job, zip_path):
    """Replace this process by the job's own interpreter. Raises OSError if it cannot be started; else never returns."""
    env = dict(os.environb)
    if locales.environment_before() is not None:
        del env[b'LC_CTYPE']  # set by this interpreter; the new one decides for itself
    env.update(environment.encoded(job.env))
    if job.link is not None:
        os.set_inheritable(job.link[0], True)
        if isinstance(job, SourceJob):
            env[_LINK_VARIABLE] = b'%d' % job.link[0]
    os.dup2(_pipe_with(job.source if isinstance(job, SourceJob) else _program(job, zip_path)), 0, inheritable=True)
    for name in ('SIGPIPE', 'SIGXFSZ'):  # Python ignores these two, and ignored signals stay ignored over an exec
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execvpe(job.interpreter[0], job.interpreter, env)


def _program(job, zip_path):
    secrets = '' if job.secrets is None else ', secrets=frozenset(%r)' % (list(job.secrets),)
    text = _HEAD + (_V2 if job.format == 'v2' else _V1)
    link = '' if job.link is None else _LINK.format(job.link[0])
    names = {
        'link': link,
        'root': zip_path,
        'params': job.params,
        'fqn': job.fqn,
        'profile': job.profile,
        'secrets': secrets,
    }
    return text.format(**names).encode('utf-8')


def _pipe_with(data):
    """The reading end of a pipe that contains `data` of any length. Its writer is no child of this process."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.fork() == 0:
                os.close(read_end)
                os.close(1)
                os.close(2)
                while data:
                    data = data[os.write(write_end, data) :]
        finally:
            os._exit(0)
    os.close(write_end)
    os.waitpid(pid, 0)
    return read_end
