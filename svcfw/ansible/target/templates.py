"""Templates: the one that forks new jobs, and older ones whose jobs still run."""

from svcfw.ansible.target import jobs
from svcfw.ansible.target.template import Exited, Lost, Template, TemplateGone


class Templates(object):
    """The template processes of an agent. Loop thread only.

    Each job is a Job; its `exited` is called when it has ended, or its `abandon` when nobody will know.
    """

    def __init__(self, loop):
        self._loop = loop
        self._current = None
        self._retired = []
        self._ended = []
        self._jobs = {}  # job id: (Job, Template)

    def run(self, job, description, contents, fds):
        """Start a job: `description` as for Template.run, `contents` {digest: bytes} of at least its members.

        The caller keeps the two descriptors `fds`. OSError or TemplateGone when there can be no template.
        """
        template = self._warm()
        try:
            self._run(template, job, description, contents, fds)
        except TemplateGone:
            self.retire()
            template = self._warm()
            self._run(template, job, description, contents, fds)
        self._jobs[job.key] = (job, template)
        self._watch(template)

    def send_signal(self, job, number):
        """Signal a job's process and what that started, whether or not it has started yet."""
        _, template = self._jobs.get(job.key, (None, None))
        if template is not None and not template.closed:
            try:
                template.kill(job.key, number)
            except TemplateGone:
                return
            self._watch(template)

    def retire(self):
        """Have the next job run in a new template; this one ends with its last job."""
        if self._current is not None:
            self._retired.append(self._current)
            self._current = None
            self._close_retired()

    def end(self):
        """Have all of them end, whatever runs. Whether (bool) they have, having looked."""
        for template in [self._current] * (self._current is not None) + self._retired:
            self._let_go(template)
        self.reap()
        return not self._ended

    def reap(self):
        """Take the exit status of templates that have ended."""
        self._ended = [template for template in self._ended if not template.reap()]

    def still_running(self):
        """Whether any job is left (bool), having looked."""
        for template in {template for _, template in self._jobs.values()}:
            template.flush()
            self._on_readable(template)
        return bool(self._jobs)

    def _warm(self):
        if self._current is not None and self._current.stale():
            self.retire()
        if self._current is None:
            self._current = Template()
        return self._current

    @staticmethod
    def _run(template, job, description, contents, fds):
        if not template.knows(description):
            for digest in template.missing(digest for _, digest in description.get('members', ())):
                template.add(digest, contents[digest])
        template.run(job.key, description, fds[0], fds[1])

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
            self._let_go(template)
        for event in events:
            self._on_event(event)
        self._close_retired()

    def _on_event(self, event):
        if isinstance(event, Exited):
            self._jobs.pop(event.job_id)[0].exited(jobs.exit_status(event.status))
        elif isinstance(event, Lost):
            self._lose(self._jobs.pop(event.job_id)[0], event.pid)

    def _lose(self, job, pid):
        """The template died, so that nobody can wait for the job: end what is left of it, and say so."""
        if pid is not None:
            jobs.kill_group(pid)
        job.abandon('the process that started modules here was killed, and this one with it\n')

    def _close_retired(self):
        """Let go of those that have nothing left to do."""
        busy = {template for _, template in self._jobs.values()}
        for template in [template for template in self._retired if template not in busy]:
            self._let_go(template)

    def _let_go(self, template):
        if template is self._current:
            self._current = None
        if template in self._retired:
            self._retired.remove(template)
        self._loop.watch(template.fileno())
        template.close()
        self._ended.append(template)
        self.reap()
