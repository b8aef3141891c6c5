"""LoginDialogue: prompts and errors of a program from its start until its link is up. Sans-I/O, not thread-safe.

A starter feeds it the program's output and performs the actions it returns:

    actions = dialogue.receive(TTY, data)      Send: write it; Fail: end the program
    error = dialogue.ended(status)             the program ended before its link was up
    error = dialogue.timed_out(seconds)        the program did not get there in time

No prompt is answered twice: a refused password stays wrong, and every further try may lock the account.
"""

from svcfw.core.wire.errors import StartError
from svcfw.transport import messages
from svcfw.transport.contract import Dialogue

# Sources of output and targets of input.
TTY, STDIN, STDOUT, STDERR = 'tty', 'stdin', 'stdout', 'stderr'

# Kept of each source for error messages: more than any error of ssh, less than a chatty profile.
MAX_KEPT_CHARS = 16 * 1024
# Kept of the error stream for debugging output: `ssh -vvv` prints some 20 KiB before the login.
MAX_SAID_CHARS = 64 * 1024
# Lines are cut to this before they are searched: the other side writes them, and patterns take quadratic time.
_MAX_LINE_CHARS = 300


# What ssh shows of each in a prompt.
_MAX_USER_CHARS, _MAX_HOST_CHARS = 30, 128


class Send:
    """Write `data` (bytes, secret) to `target`, TTY or STDIN."""

    __slots__ = ('data', 'target')

    def __init__(self, target, data):
        self.target, self.data = target, data

    def __repr__(self):
        return '<Send to %s>' % self.target


class Fail:
    """The start has failed: `error` (StartError) is the reason. The caller ends the program."""

    __slots__ = ('error',)

    def __init__(self, error):
        self.error = error

    def __repr__(self):
        return '<Fail %s>' % self.error


class LoginDialogue(Dialogue):
    """One program that logs in to `host`; `answers` are for its prompts.

    host: str, its name in errors. language: messages.Language.
    answers: {prompt kind: str or None}, secrets.
    user: str or None; other_names: called for more names (strings) that the program may have for the host. A prompt
    that names another user or host (a jump host's, which can have the same user) does not get the password.
    An unexpected question fails the start.
    """

    def __init__(self, host, language, answers=(), user=None, other_names=tuple):
        self.host = host
        self._language = language
        self._answers = dict(answers)
        self._user = user
        self._other_names = other_names
        #: Output on the error stream, with debugging messages.
        self.said = ''
        self._kept = {TTY: '', STDOUT: '', STDERR: ''}
        self._prompt = ''
        self._answered = {}
        self._notes = []
        self._failure = None

    def __repr__(self):
        return '<LoginDialogue with %s>' % self.host

    def receive(self, source, data):
        """As of Dialogue. After a Fail the list is empty."""
        text = data.decode('utf-8', 'replace').replace('\r', '')
        self._kept[source] = (self._kept[source] + text)[-MAX_KEPT_CHARS:]
        if source == STDERR:
            self.said = (self.said + text)[-MAX_SAID_CHARS:]
        if source != TTY or self._failure:
            return []
        self._prompt = (self._prompt + text)[-MAX_KEPT_CHARS:]
        return self._read_prompt()

    def prompted(self):
        """Drop the unfinished line: it was a prompt, which has been answered."""
        for source, text in self._kept.items():
            self._kept[source] = text[: text.rfind('\n') + 1]

    def ended(self, status):
        return self._failure or self._fault() or self._unexplained(status)

    def timed_out(self, seconds):
        if self._failure:
            return self._failure
        cause = 'not ready within %g s' % seconds
        said = self._last_words()
        if said:
            cause += '; its last output: ' + said
        remedy = 'Check that the host answers and that its login scripts wait for nothing, or raise the timeout.'
        return StartError('timeout', self.host, cause, remedy)

    def forget(self):
        self._answers, self._other_names = {}, tuple

    # -- prompts

    def _read_prompt(self):
        line = self._prompt.rpartition('\n')[2][-_MAX_LINE_CHARS:]
        for pattern, kind in self._language.prompts:
            found = pattern.match(line)
            if found:
                what = found.groupdict().get('what') or ''
                return getattr(self, '_on_' + kind)(kind, what)
        return []

    def _on_password(self, kind, who):
        seen = self._answered.get(kind, ())
        if who in seen or '' in seen or (seen and not who):
            return self._fail('auth', 'the password was refused', 'Correct `password` (and `username`).')
        known = self._answers.get(kind)
        if known is not None and who and not self._is_of_host(who):
            ours = '%s@%s' % (self._user, self.host) if self._user else self.host
            cause = '%s asks for a password, which is not the one given for %s' % (who, ours)
            return self._fail('auth', cause, 'Let the jump host accept a key.')
        return self._give(kind, who)

    def _is_of_host(self, who):
        """Whether a prompt for `who`, 'user@host' as ssh shortens it, is that of the host which the password is for."""
        user, _, host = who.rpartition('@')
        if self._user and user != self._user[:_MAX_USER_CHARS]:
            return False
        return _is_one_of(host, [self.host]) or _is_one_of(host, self._other_names())

    def _on_passphrase(self, kind, key):
        known = self._answers.get(kind)
        if key in self._answered.get(kind, ()):
            self._notes.append('the passphrase does not open %s' % key)
        elif known is not None:
            return self._give(kind, key)
        else:
            self._notes.append('%s needs a passphrase' % key)
        # After an empty one ssh tries the next key.
        return self._send(kind, key, '')

    def _on_pin(self, kind, what):
        return self._give(kind, what)

    _on_code = _on_hostkey = _on_change = _on_other = _on_pin

    def _give(self, kind, what):
        """Send the answer from `answers`, once; else fail."""
        if self._answers.get(kind) is not None and what not in self._answered.get(kind, ()):
            return self._send(kind, what, self._answers[kind])
        return self._refuse(kind, what)

    def _send(self, kind, what, text):
        self._answered.setdefault(kind, set()).add(what)
        self._prompt = ''
        self.prompted()
        return [Send(TTY, (text + '\n').encode('utf-8', 'surrogateescape'))]

    def _refuse(self, kind, what):
        shown = _shown(what or self._prompt)
        error_kind, cause, remedy = _NO_ANSWER[kind]
        return self._fail(error_kind, cause.format(what=shown, fingerprint=self._fingerprint()), remedy)

    def _fingerprint(self):
        line = [line for line in self._prompt.splitlines() if 'fingerprint is' in line]
        return _shown(line[-1]).rstrip('.') if line else 'it was not shown'

    # -- failures

    def _fail(self, kind, cause, remedy):
        self._failure = StartError(kind, self.host, cause, remedy)
        return [Fail(self._failure)]

    def _fault(self):
        """The error for the first known message, or None."""
        # The messages of nologin shells are on stdout.
        text = _lines(self._kept[STDERR]) + '\n' + _lines(self._kept[STDOUT])
        for pattern, kind, cause, remedy in self._language.faults:
            found = pattern.search(text)
            if found:
                groups = {name: _shown(value).rstrip('.') for name, value in found.groupdict().items()}
                command = messages.REMOVE_KEY.search(text)
                groups['command'] = command.group(1) if command else 'ssh-keygen -R %s' % self.host
                return self._explain(kind, cause.format(**groups), remedy.format(**groups), text)
        return None

    def _explain(self, kind, cause, remedy, text):
        if kind == 'auth':
            if messages.PASSWORD in self._answered:
                cause = 'the password was refused; ' + cause
            refused = messages.REFUSED_ACCOUNT.search(text)
            if refused and not self._user:
                cause += ' (as %s)' % _shown(refused.group(1))
            found = [pattern.search(text) for pattern in self._language.notes]
            notes = self._notes + [match.group() for match in found if match]
            cause = '; '.join([cause] + [_shown(note) for note in notes])
        return StartError(kind, self.host, cause, remedy)

    def _unexplained(self, status):
        who = self._language.program
        if status >= 0 and self._language.own_status not in (None, status):
            who = 'the shell or Python on the host'
        how = 'was ended by signal %d' % -status if status < 0 else 'ended with status %d' % status
        said = self._last_words()
        cause = '%s %s%s' % (who, how, '; its last output: ' + said if said else ' without output')
        return StartError('died', self.host, cause, 'Try the same login by hand.')

    def _last_words(self):
        for source in (STDERR, TTY, STDOUT):
            lines = [line for line in _lines(self._kept[source]).splitlines() if line.strip()]
            if lines:
                return _shown(lines[-1])
        return ''


# Errors for prompts without an answer: StartError kind, cause, remedy. {what} is the prompt.
_NO_ANSWER = {
    messages.PASSWORD: ('auth', 'it asks for a password, and none is given', 'Set `password`, or use a key.'),
    messages.PASSPHRASE: ('auth', '{what} needs a passphrase', 'Load the key into ssh-agent.'),
    messages.PIN: ('auth', '{what} needs a PIN', 'Load the key into ssh-agent.'),
    messages.CODE: ('auth', 'it asks "{what}", which has no answer here', 'Use a login that needs no second factor.'),
    messages.HOST_KEY: (
        'hostkey',
        'its host key is unknown ({fingerprint})',
        messages.KNOWN_HOSTS,
    ),
    messages.CHANGE: ('auth', 'the password has expired', messages.EXPIRED),
    messages.OTHER: ('auth', 'it asks "{what}", which has no answer here', 'Try the same login by hand.'),
}


def _is_one_of(host, names):
    return host.lower() in {name[:_MAX_HOST_CHARS].lower() for name in names}


def _lines(text):
    """`text` without debugging messages of ssh, and with long lines cut."""
    return '\n'.join(line[:_MAX_LINE_CHARS] for line in text.split('\n') if not line.startswith(messages.SSH_DEBUG))


def _shown(text):
    """`text` from the other side for an error: one line, printable, of bounded length."""
    line = ' '.join(''.join(char if char.isprintable() else ' ' for char in text).split())
    return line if len(line) <= _MAX_LINE_CHARS else line[:_MAX_LINE_CHARS] + '...'
