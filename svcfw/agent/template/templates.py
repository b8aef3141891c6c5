"""Templates: one for each interpreter that jobs name, and retired ones whose jobs still run.

The name of an interpreter is resolved anew for each job. The agent forks itself if that name leads to its own
interpreter and a new one would be the same; else it starts the interpreter.
"""

from svcfw.agent import interpreter, site_state
from svcfw.agent.jobs.job import exit_status, kill_group
from svcfw.agent.template.template import Exited, Lost, Template, TemplateGone, Unfit

#: As `start_s` of `run`, where no job waits for it.
START_S = 20.0
_NO_PROGRAM = 'it does not exist, or has arguments'


class UnfitInterpreter(Exception):
    """An interpreter cannot be a template; the text says why."""


class Templates(object):
    """The template processes of an agent. Loop thread only.

    Each job is a Job: its `exited` is called when it has ended, `abandon` if its outcome is unknown, `decline` if it
    did not run because its interpreter cannot be a template.
    """

    def __init__(self, loop):
        self._loop = loop
        self._own = interpreter.Own()
        self._forked = None
        self._named = {}  # words of an interpreter: _Named
        self._retired = []
        self._ended = []
        self._jobs = {}  # job id: (Job, Template)

    def run(self, job, described, start_s, contents, fds):
        """Start a job: `described` is a WarmJob, `contents` {digest: bytes} of at least its members.

        start_s: for an interpreter to become a template before jobs run in another way. The caller keeps the
        descriptors `fds`: for stdout, for stderr, and one by which the job can become a context.
        OSError or TemplateGone when there can be no template, UnfitInterpreter.
        """
        words = tuple(described.interpreter)
        template = self._warm(words, start_s)
        try:
            self._run(template, job, described, contents, fds)
        except TemplateGone:
            self._retire(template)
            template = self._warm(words, start_s)
            self._run(template, job, described, contents, fds)
        self._jobs[job.key] = (job, template)
        self._watch(template)

    def get_ready(self, words):
        """Have a template for this interpreter; if there can be none, the job that follows is told."""
        try:
            self._watch(self._warm(words, START_S))
        except (OSError, TemplateGone, UnfitInterpreter):
            pass

    def send_signal(self, job, number):
        """Signal a job's process group, whether or not it has started yet."""
        _, template = self._jobs.get(job.key, (None, None))
        if template is not None and not template.closed:
            try:
                template.kill(job.key, number)
            except TemplateGone:
                return
            self._watch(template)

    def prepare_for(self, job_key, second_stage, sources):
        """Compile modules of ours for the jobs after this one, see Template.prepare."""
        _, template = self._jobs.get(job_key, (None, None))
        if template is not None and not template.closed:
            try:
                template.prepare(job_key, second_stage, sources)
            except TemplateGone:
                return
            self._watch(template)

    def retire(self):
        """Run later jobs in new templates; the present ones end with their last job."""
        for template in self._current():
            self._retire(template)

    def end(self):
        """End all templates, whatever runs. Returns whether (bool) they have ended."""
        for template in self._current() + self._retired:
            self._let_go(template)
        self.reap()
        return not self._ended

    def reap(self):
        """Reap templates that have ended."""
        self._ended = [template for template in self._ended if not template.reap()]

    def is_busy(self):
        """Whether there is a job whose end was not told yet (bool)."""
        return bool(self._jobs)

    def still_running(self):
        """Whether any job still runs (bool), checked now."""
        for template in {template for _, template in self._jobs.values()}:
            template.flush()
            self._on_readable(template)
        return bool(self._jobs)

    # -- selection of a template

    def _warm(self, words, start_s):
        """The template for jobs with this interpreter, started if need be. Raises UnfitInterpreter, OSError."""
        named = self._named.get(words)
        path = interpreter.program(words)
        if named is None or named.path != path or named.changed() or (named.is_own and self._own.changed()):
            named = self._renew(words, path)
        if named.refusal is not None:
            raise UnfitInterpreter(named.refusal)
        present = self._forked if named.is_own else named.template
        if present is not None and not present.stale():
            return present
        if present is not None:
            self._retire(present)
        if named.is_own:
            self._forked = made = Template()
        else:
            named.template = made = self._started(named, start_s)
        return made

    def _renew(self, words, path):
        """Resolve a name that is new, or that leads to another program now."""
        named = self._named.pop(words, None)
        if named is not None and named.template is not None:
            self._retire(named.template)
        if self._forked is not None and self._own.changed():
            self._retire(self._forked)
        named = self._named[words] = _Named(words, path, path is not None and self._own.hosts(path))
        return named

    def _started(self, named, start_s):
        template = Template(program=(named.path, named.words[-1]))
        self._loop.call_later(start_s, template.give_up)
        return template

    def _current(self):
        """The templates for new jobs (list)."""
        every = [self._forked] + [named.template for named in self._named.values()]
        return [template for template in every if template is not None]

    def _retire(self, template):
        self._forget(template)
        self._retired.append(template)
        self._close_retired()

    def _forget(self, template):
        if template is self._forked:
            self._forked = None
        for named in self._named.values():
            if named.template is template:
                named.template = None

    # -- jobs

    @staticmethod
    def _run(template, job, described, contents, fds):
        if not template.knows(described):
            for digest in template.missing(digest for _, digest in described.members):
                template.add(digest, contents[digest])
        template.run(job.key, described, *fds)

    def _watch(self, template):
        writable = (lambda: self._on_writable(template)) if template.wants_write() else None
        self._loop.watch(template.fileno(), lambda: self._on_readable(template), writable)

    def _on_writable(self, template):
        template.flush()
        self._watch(template)

    def _on_readable(self, template):
        if template.closed:
            return
        events = template.receive()
        if template.closed:
            self._refuse(template)
            self._let_go(template)
        for event in events:
            self._on_event(template, event)
        self._close_retired()

    def _on_event(self, template, event):
        if isinstance(event, Exited):
            self._jobs.pop(event.job_id)[0].exited(exit_status(event.status), event.ran)
        elif isinstance(event, Lost):
            self._lose(self._jobs.pop(event.job_id)[0], event.pid)
        elif isinstance(event, Unfit):
            self._jobs.pop(event.job_id)[0].decline(template.refusal)

    def _refuse(self, template):
        """Record why a template ended before it was ready: a new one would end in the same way."""
        for named in self._named.values():
            if named.template is template and not template.is_ready:
                named.refusal = template.refusal

    def _lose(self, job, pid):
        """The template died, so the job's outcome is unknown: kill the job's process and report it."""
        if pid is not None:
            kill_group(pid)
        job.abandon('the template process was killed, and this module run with it\n')

    def _close_retired(self):
        """Close retired templates that have no jobs left."""
        busy = {template for _, template in self._jobs.values()}
        for template in [template for template in self._retired if template not in busy]:
            self._let_go(template)

    def _let_go(self, template):
        self._forget(template)
        if template in self._retired:
            self._retired.remove(template)
        self._loop.watch(template.fileno())
        template.close()
        self._ended.append(template)
        self.reap()


class _Named(object):
    """The program `path` that an interpreter's words lead to (None if to none), watched from then on."""

    def __init__(self, words, path, is_own):
        self.words = words
        self.path = path
        self.is_own = is_own
        self.changed = site_state.Watch([] if path is None else interpreter.deciding(path)).changed
        #: The template started for it, if it is not the agent's own interpreter.
        self.template = None
        #: Why it cannot be a template.
        self.refusal = _NO_PROGRAM if path is None else None
