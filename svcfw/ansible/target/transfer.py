"""Transfer: a file on its way to the controller, with the face of a Job."""

from svcfw.ansible.target.files import Download, Failure
from svcfw.ansible.target.output import Output


class Transfer(object):
    """Sends the file `path` as the answer to `message`, from `pump()` on.

    on_over(transfer) is called once it is over, on_failed(Failure) when it broke off, after the constructor, which
    raises Failure itself.
    """

    def __init__(self, message, session, path, on_over, on_failed):
        self.key = message.frame.reply_to
        self.session = session
        self._download = Download(path)
        self._on_over = on_over
        self._on_failed = on_failed
        self._output = Output(message, self.pump)

    def pump(self):
        """Send what the receiver has room for."""
        try:
            if self._download.pump(self._output):
                self._on_over(self)
        except Failure as e:
            self._on_over(self)
            self._on_failed(e)

    def grant(self, credit):
        self._output.grant(credit)

    def kill(self):
        """Nobody waits for it any more."""
        self._download.close()
        self._on_over(self)

    def doom(self):
        """Nothing is left to be done: a file does not outlive `kill`."""
