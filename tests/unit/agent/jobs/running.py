"""A command under way."""

from svcfw.agent import ops
from svcfw.agent.jobs.job import ProcessJob
from tests.unit.agent.fakes import FakeMessage


class Run:
    """A command under way."""

    def __init__(self, router, commands, text, stdin=b'', tty=False, argv=None, program=None, term=''):
        self.router = router
        self.message = FakeMessage()
        self.over = 0
        self.job = ProcessJob(router.loop, self.message, 7, commands.send_signal, self.on_over, ends_at_exit=tty)
        commands.start(self.job, argv or ['/bin/sh', '-c', text], stdin, term if tty else None, program)

    def on_over(self, job):
        self.over += 1

    def wait(self):
        self.router.until(lambda: self.over, 'its end')
        assert self.over == 1
        return self

    def result(self):
        """(status, stdout, stderr), granting credit as it goes."""
        granted = 0

        def grant():
            nonlocal granted
            taken = sum(len(part[1]) for part in self.message.replies if part[0] == ops.PART)
            if taken > granted:
                granted, credit = taken, taken - granted
                self.job.grant(credit)
            return self.over

        self.router.until(grant, 'its end')
        parts = self.message.replies[:-1]
        kind, status, out, err = self.message.replies[-1]
        assert kind == ops.DONE
        return status, b''.join(part[1] for part in parts) + out, b''.join(part[2] for part in parts) + err
