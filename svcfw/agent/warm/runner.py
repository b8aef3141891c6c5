"""In a fork: runs one module, or one source; `run` until the end of the process, `attempt` without that.

The stock wrapper's steps are repeated (see `_internal/_ansiballz/_wrapper.py` and, up to 2.18, the template in
`executor/module_common.py` of ansible-core), and after them those of an interpreter that ends.
"""

import atexit
import gc
import os
import signal
import sys
from importlib.machinery import BuiltinImporter

from svcfw.agent import interpreter, start_folder
from svcfw.agent.warm import child, cold, condition, environment, importable, zip_file
from svcfw.agent.warm.job import SourceJob

_EXIT_FLUSH_FAILED = 120
_FREEZES = getattr(gc, 'freeze', None) is not None  # since 3.7


class Tools(object):
    """What runs are made with: the template's Members, MemoryFinder and Preimport, and a StartState."""

    def __init__(self, members, finder, preimport, start):
        self.members = members
        self.finder = finder
        self.preimport = preimport
        self.start = start


def run(job, folder, tools):
    """Run `job` and exit; never returns. `folder` is where its zip is written, or None if it needs none."""
    os._exit(finish(*attempt(job, tools, folder)))


def attempt(job, tools, folder=None):
    """Run `job`; returns the status for `finish`, and the importable.Root that is to be removed."""
    root = importable.Root(tools.finder.root, job, tools.members)
    return _guard(_program, job, folder, root, tools), root


def _program(job, folder, root, tools):
    _restore_folder()
    if job.condition is not None:
        condition.require(job.condition)
    zip_path = zip_file.write(folder, job, tools.members) if folder else None
    if job.is_cold:
        _limit_files(job)
        cold.start(job, zip_path)
    errors = environment.apply(job.env)
    if errors:
        child.open_streams(tools.start, errors)
    _look_started(job, tools.start)
    if isinstance(job, SourceJob):
        _run_source(job, tools)
    else:
        _run_module(job, zip_path, root, tools)


def _restore_folder():
    """Enter the working directory again: it may have been removed and made again, and a login would be in the new
    one."""
    path = start_folder.to_enter()
    if path is not None:
        os.chdir(path)


def _limit_files(job):
    wanted = job.rlimit_nofile
    if not wanted:
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if min(hard, wanted) != soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, wanted), hard))
        except ValueError:
            pass  # macOS reports a hard limit that it does not accept


def _look_started(job, start):
    """Make the interpreter look as if `job`'s words had just started it.

    One that was started by these words knows its name, which may be another: that of what a wrapper starts.
    """
    words = job.interpreter
    if start.words is None:
        sys.executable = interpreter.program(words) or sys.executable
    sys.argv[:] = ['']
    orig_argv = getattr(sys, 'orig_argv', None)  # since 3.10
    if orig_argv is not None:
        orig_argv[:] = start.words or words[-1:]
    if job.link is not None:
        # Where the collection's module_utils.services looks; nothing else does.
        os.set_inheritable(job.link[0], False)
        setattr(sys, 'svcfw_link', job.link)  # noqa: B010 - for type checkers there is no such thing
    random = sys.modules.get('random')
    if random is not None and sys.version_info < (3, 7):
        random.seed()  # later versions do it when they fork
    gc.enable()


# --- the two kinds of jobs ------------------------------------------------------------------------------------------


def _run_module(job, zip_path, root, tools):
    finder, preimport = tools.finder, tools.preimport
    _limit_files(job)
    # The name of a program read from stdin makes the current folder look like the script's own.
    sys.path[:] = [path for path in tools.start.path if path not in ('', '.', os.getcwd())]
    if zip_path and zip_file.has_resources(job):
        finder.use([], None)
        preimport.settle([])
    else:
        finder.use(job.members, job.fqn, *([zip_path] if zip_path else []))
        preimport.settle(job.members, job.may_reuse or job.may_preimport, job.fqn)
    sys.path.insert(0, zip_path or root)
    (_run_v2 if job.format == 'v2' else _run_v1)(job, zip_path or finder.root)


def _run_v2(job, root):
    import importlib

    loader = importlib.import_module('ansible.module_utils._internal._ansiballz._loader')
    # Handed over since ansible-core 2.22.
    more = {} if job.secrets is None else {'secrets': frozenset(job.secrets)}
    loader.run_module(
        json_params=job.params, profile=job.profile, module_fqn=job.fqn, modlib_path=root, extensions={}, **more
    )


def _run_v1(job, root):
    import importlib
    import runpy

    setattr(importlib.import_module('ansible.module_utils.basic'), '_ANSIBLE_ARGS', job.params)  # noqa: B010
    names = {'_module_fqn': job.fqn, '_modlib_path': root}
    runpy.run_module(mod_name=job.fqn, init_globals=names, run_name='__main__', alter_sys=True)
    print('{"msg": "New-style module did not handle its own exit", "failed": true}')
    sys.exit(1)


def _run_source(job, tools):
    """As `python3 < source`: the source itself imports what it needs of `ansible`."""
    sys.meta_path.remove(tools.finder)
    tools.preimport.forget_all()
    sys.path[:] = [''] + tools.start.path
    main = type(sys)('__main__')
    main.__dict__.update(
        __builtins__=sys.modules['builtins'],
        __loader__=BuiltinImporter,
        __file__='<stdin>',
        __cached__=None,
        __annotations__={},
    )
    sys.modules['__main__'] = main
    exec(compile(job.source, '<stdin>', 'exec', dont_inherit=True), main.__dict__)


# --- the end of an interpreter --------------------------------------------------------------------------------------


def _guard(function, *args):
    """Call it; returns the exit status (int) with which an interpreter would end, after printing what it would print.

    A negative status is the number of the signal to die of.
    """
    try:
        function(*args)
    except SystemExit as exc:
        return _exit_status(exc.code)
    except BaseException as exc:
        sys.excepthook(type(exc), exc.with_traceback(_without_ours(exc.__traceback__)), exc.__traceback__)
        return -signal.SIGINT if isinstance(exc, KeyboardInterrupt) and sys.version_info >= (3, 8) else 1
    return 0


def _exit_status(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(1 << 63) <= code < 1 << 63 else 255
    try:
        sys.stdout.flush()
        print(code, file=sys.stderr)
    except Exception:
        pass
    return 1


def _without_ours(traceback):
    """The traceback from the first frame outside of this file, if there is one."""
    inner = traceback
    while inner is not None and inner.tb_frame.f_code.co_filename == __file__:
        inner = inner.tb_next
    return inner or traceback


def finish(status, root):
    """End the interpreter in its own order: threads, exit functions, objects, streams. Returns the status."""
    threading = sys.modules.get('threading')
    for end in (getattr(threading, '_shutdown', None), atexit._run_exitfuncs, _collect, root.remove):
        try:
            if end is not None:
                end()
        except BaseException:
            pass  # a failure at exit has been printed, and does not change the status
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:
        status = _EXIT_FLUSH_FAILED
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def _collect():
    """Free cycles: flushes files that a module left open, removes temporary ones.

    The module's globals are such a cycle. Objects from before the fork are frozen or old and not visited.
    """
    sys.modules.pop('__main__', None)
    gc.collect(2 if _FREEZES else 1)
