"""Members: the files of payloads by digest, and the code compiled from them."""

import warnings


class Members(object):
    """A content-addressed store in the template; forked children read their copy."""

    def __init__(self):
        self._contents = {}
        self._codes = {}

    def add(self, digest, content):
        """Keep `content` (bytes) under its digest (32 bytes), which the caller has verified."""
        self._contents[digest] = content

    def digests(self):
        """Those of all contents (list of bytes)."""
        return list(self._contents)

    def content(self, digest):
        """The content (bytes); KeyError if it was never added."""
        return self._contents[digest]

    def code(self, digest, filename):
        """The code object of a Python source; raises and warns as compile() does.

        Compiled once, unless compiling warns: then each run of a module shall show the warning, as it would in an
        interpreter of its own.
        """
        code = self._codes.get((digest, filename))
        return self._compile(digest, filename) if code is None else code

    def prepare(self, digest, filename):
        """Compile a source in advance; a source with an error or warning is left to the run that needs it."""
        key = (digest, filename)
        if key in self._codes:
            return
        try:
            with warnings.catch_warnings(record=True) as raised:
                code = self._compile(digest, filename)
        except Exception:
            return
        if not raised:
            self._codes[key] = code

    def of(self, digests):
        """What there is of these digests (iterable of bytes), for `take_in` (list)."""
        wanted = set(digests)
        codes = {digest: [] for digest in wanted}
        for (digest, filename), code in self._codes.items():
            if digest in wanted:
                codes[digest].append((filename, code))
        return [(digest, self._contents[digest], codes[digest]) for digest in wanted]

    def take_in(self, entries):
        """Keep what `of` gave in another process."""
        for digest, content, codes in entries:
            self._contents[digest] = content
            for filename, code in codes:
                self._codes[(digest, filename)] = code

    def _compile(self, digest, filename):
        return compile(self._contents[digest], filename, 'exec', dont_inherit=True)
