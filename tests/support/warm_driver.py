"""An agent's part, for tests, under any Python from 3.6 on: takes jobs on stdin, runs them in a template, one by one.

Input and output are pickled: a list of jobs with their contents in; a list of (status, stdout, stderr, ran) and a
report of the driver out.
"""

import os
import pickle
import select
import sys

#: Of the processes in which jobs ran.
PIDS = set()


def run(template, job_id, job, contents):
    """(wait status, stdout, stderr, ran) of one job; the status is None if the template died."""
    from svcfw.agent.template.template import Exited, Lost, Started

    lacking = template.missing(digest for digest, _ in contents)
    for digest, content in contents:
        if digest in lacking:
            template.add(digest, content)
    pipes = [os.pipe(), os.pipe()]
    template.run(job_id, job, pipes[0][1], pipes[1][1])
    for _, write_end in pipes:
        os.close(write_end)
    outputs = {read_end: [] for read_end, _ in pipes}
    live, ended, status, ran = set(outputs), False, None, ()
    while live or not ended:
        readable, writable, _ = select.select(
            [template.fileno()] * (not ended) + list(live), [template.fileno()] if template.wants_write() else [], []
        )
        if writable:
            template.flush()
        if not ended and template.fileno() in readable:
            for event in template.receive():
                if isinstance(event, Started):
                    PIDS.add(event.pid)
                if isinstance(event, Exited):
                    ended, status, ran = True, event.status, event.ran
                ended = ended or isinstance(event, Lost)
        for fd in live.intersection(readable):
            data = os.read(fd, 65536)
            outputs[fd].append(data)
            if not data:
                live.remove(fd)
                os.close(fd)
    stdout, stderr = (b''.join(outputs[read_end]) for read_end, _ in pipes)
    return status, stdout, stderr, ran


def _is_alive(pid):
    try:
        with open(os.path.join('/proc', str(pid), 'stat')) as file:
            return file.read().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def main():
    """The program; started as `python -c`, like an agent, with the checkout as the last entry of sys.path."""
    from svcfw.agent.template.template import Template

    checkout = sys.path.pop()
    jobs = pickle.load(sys.stdin.buffer)
    fds = sorted(os.listdir('/proc/self/fd'))
    template = Template()
    results = [run(template, number, *given) for number, given in enumerate(jobs)]
    pid = template._pid
    template.close()
    while not template.reap():
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    report = {'leaked': sorted(os.listdir('/proc/self/fd')) != fds, 'left': list(filter(_is_alive, PIDS))}
    sys.stdout.buffer.write(pickle.dumps((results, report), 2))
    sys.stdout.flush()
    sys.path.append(checkout)
