"""Ends a context whose controller has been silent for long, though the link to it is still there.

A host that has lost its network, a controller that is frozen or gone behind a proxy, and a process that has taken the
link's descriptor have one thing in common: nobody says any more that this context is wanted. Each word of the
controller proves that it is from the one who said the word before: it names the hash of the next proof. So what was
seen of them does not help to say another one.
"""

from hashlib import sha256

#: Silence is counted in looks, so that a time in which all stood still here (a frozen container) counts as one.
LOOKS = 6


class Silence(object):
    """Loop thread only. `heard` begins it.

    is_busy(): whether something runs here for the controller, which may take hours and is not ended, no more than a
    context below: that ends by itself.
    """

    def __init__(self, router, is_busy):
        self._router = router
        self._is_busy = is_busy
        self._expected = b''  # the hash of the next proof
        self._silence_s = 0
        self._looks = 0
        self._timer = None

    def heard(self, silence_s, proof, expected):
        """The controller is there; returns whether it is the one that was heard before (bool).

        silence_s: how long it may be silent from now on; proof: bytes, whose SHA-256 it has said before to be expected.
        """
        if self._expected and sha256(proof).digest() != self._expected:
            return False
        self._expected, self._silence_s, self._looks = expected, silence_s, 0
        if self._timer is None:
            self._wait()
        return True

    def _wait(self):
        self._timer = self._router.loop.call_later(self._silence_s / LOOKS, self._look)

    def _look(self):
        self._looks += 1
        if self._router.child_ids or self._is_busy():
            self._looks = 0  # what has just ended here is to be told, which may take the controller a while to hear
        if self._looks > LOOKS:
            self._router.shutdown('nothing was heard from the controller for %d s' % self._silence_s)
        else:
            self._wait()
