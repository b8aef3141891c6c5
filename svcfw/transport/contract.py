"""What a transport gives a Starter: a process and a dialogue. Base classes of both.

A transport is a module with one function:

    launch(spec, size) -> (Process, Dialogue)

It begins to start the first stage for `spec` (spec.Spec), which reads `size` bytes from its stdin, and returns at once;
it raises StartError for what is found to be wrong by then. svcfw.transport.connect chooses the transport, and
svcfw.transport.start drives both objects, on the loop's thread alone, until the link is up or the start has failed.
docs/topics/transports.md shows how to add one.
"""


class Process(object):
    """A started program, or what stands for one, and our ends of its streams. Nothing blocks.

    in_fd, out_fd, err_fd: int, non-blocking, closed on exec: what we write to, and the two that we read. The first two
        may be one and the same. The second stage and frames go over them, 8-bit clean.
    tty_fd: int, non-blocking: the terminal on which it asks, or None.
    pid: int, its process here, which leads a process group; None if there is none.
    argv: list of str, what was started; empty if nothing was.
    failure: StartError, what went wrong inside the transport itself, or None.
    """

    in_fd: int
    out_fd: int
    err_fd: int
    tty_fd = None
    pid: int
    argv = ()  # type: object
    failure = None  # type: object

    def poll(self):
        """None while it runs; then its exit status (int), or the negative number of the signal that ended it.

        Called again and again until it has ended; also any thread.
        """
        raise NotImplementedError

    def kill(self):
        """End it at once, and what it has started. No-op after its end; `poll` still has to be called."""
        raise NotImplementedError

    def release(self):
        """Give up ownership of (in_fd, out_fd, err_fd), which are returned: the caller closes them. Called once."""
        fds = self.in_fd, self.out_fd, self.err_fd
        self.in_fd = self.out_fd = self.err_fd = None  # type: ignore[assignment]
        return fds

    def close_tty(self):
        """The terminal is not needed any more. Idempotent."""

    def close(self):
        """Close all our ends, if they were not released: it reads end-of-file. It is neither killed nor waited for."""
        raise NotImplementedError


class Dialogue(object):
    """Decides what to do about a program's output until its link is up. Without I/O.

    host: str, its name in errors. said: str, what has come on the error stream, for `-vvv`.
    """

    host = ''
    said = ''

    def receive(self, source, data):
        """Take `data` (bytes, in any pieces) from `source` (dialogue.STDOUT, STDERR, TTY).

        Returns what is to be done: a list of dialogue.Send and Fail. STDOUT: only what came before the marker of the
        link.
        """
        raise NotImplementedError

    def ended(self, status):
        """The StartError for a program that ended with `status` (see Process.poll) before its link was up."""
        raise NotImplementedError

    def timed_out(self, seconds):
        """The StartError for a program whose link was not up within `seconds`."""
        raise NotImplementedError

    def forget(self):
        """The link is up, or the start has failed: drop what was kept to answer with.

        `receive` may still be called; what it returns is not done.
        """
