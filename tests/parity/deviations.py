"""Where a task over svcfw reports something else than over stock ssh, and is meant to.

Each entry that names a topic is found in the runs of that topic; one that is found no more fails the test, as does a
difference that is not listed.
"""

import re
from dataclasses import dataclass

#: For every topic; need not be found.
ANY = '*'


@dataclass(frozen=True)
class Deviation:
    """Lines of `comparison` that match `pattern` in `topic`, over `ways` (all if none are named), and why.

    `now_and_then`: stock differs in it from one run to the next, so that it need not be found.
    """

    topic: str
    pattern: str
    reason: str
    ways: tuple[str, ...] = ()
    now_and_then: bool = False

    @property
    def must_show(self) -> bool:
        return self.topic != ANY and not self.now_and_then

    def matches(self, line: str) -> bool:
        return re.search(self.pattern, line, re.DOTALL) is not None


OVER_SSH = ('openssh', 'short-name', 'paramiko')

# Of two texts in a line, the first but for the line end that a password prompt leaves behind.
_WITHOUT_ECHO = (
    r"stdout(_lines)?: (?:'(?:\\r)*\\r\\n(?P<rest>.*)' != '(?P=rest)'"
    r"|\"\['', (?:'', )?(?P<list>.*)\]\" != \"\[(?P=list)\]\"|\"\[''\]\" != '\[\]')$"
)

# Of the result of a module whose become command was refused: stock local has none.
_REFUSED = (
    r"\.result(\.results\[\d+\])?\.((module_stdout|module_stderr|rc): '<absent>' != "
    r"|msg: ['\"]Task failed: Premature end of stream waiting for become success.* != 'Module result deserialization)"
)

DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        ANY,
        r"\.msg: ['\"].*['\"] != ['\"](Task failed: )?(timed out waiting for ping module test: )?"
        r'(Failed to authenticate: )?Failed to connect to the host ',
        'why a host cannot be reached is said in words of our own: host, account, cause, remedy, log',
    ),
    Deviation(
        ANY,
        r"file \w+:/\S+/\.ansible(/tmp)?: \['drwx\S+ \d+:\d+'\] != \['unchanged'\]",
        'modules run from memory, so that ~/.ansible/tmp is not made where nothing is put into it',
    ),
    Deviation(
        ANY,
        r"file \w+:\S*/ansible-tmp-N(/\S+)?: \['\S+ \d+:\d+'\] != \['unchanged'\]",
        'of an async task nothing stays in a temporary folder',
    ),
    Deviation(
        'become_no_acl',
        r"^file target:/home/other/\S+: \['unchanged'\] != ",
        'what the login account put there reaches the other account without setfacl',
    ),
    Deviation(
        ANY,
        r"\.msg: '.*exited with result \d+' != '.*exited with result \d+, stderr output: mkdir: ",
        'why the temporary folder cannot be made is said always, not only at -vvvv',
    ),
    Deviation(
        ANY,
        r'ansible_env\.SUDO_COMMAND: ',
        'sudo has started the context of the account, once, and not the module',
    ),
    Deviation(
        'modules_general',
        r'^(python_requirements_info|redis) @target: \.result\.(python_system_path\[0\]|traceback): ',
        "a module's zip has a name that leads nowhere",
    ),
    *(
        Deviation(
            topic,
            _WITHOUT_ECHO,
            'an account is entered once, so that the line end after the answered prompt is in no output of a task',
            OVER_SSH,
        )
        for topic in ('become_sudo', 'become_su', 'become_doas', 'become_others')
    ),
    Deviation(
        'become_sudo',
        r'^password, flags( with n within)? @withpass: \.(kind|result\.\S+): ',
        'sudo that reads the password from nothing but a terminal (no -S) has one for modules, too',
        OVER_SSH,
    ),
    Deviation(
        'become_su',
        r'^no password(, raw)? @target: \.(kind|result\.\w+): ',
        'that su asks and there is no password is told at once, and the host is not given up after the time-out',
    ),
    Deviation(
        'become_su',
        r"^root to .* @target: \.(kind: 'unreachable' != 'ignored'|result\.msg: .* != 'Task failed: Missing su"
        r'|result\.unreachable: )',
        'the same (on this machine it is not root who runs the play)',
        ('local',),
    ),
    Deviation(
        'become_su',
        r'^root to .* @target: \d results != \d: none != ignored .*(Missing su password|One or more items failed)',
        'since the host is not given up, the play goes on',
        ('local',),
    ),
    *(
        Deviation(
            topic,
            r'^(to|terminal,) nobody @target: \.result\.\w+: ',
            'modules need no files of another account, so that it is the become command that fails, in its own words',
            ways,
        )
        # What is given a terminal by its command goes by stock local.
        for topic, ways in (('become_su', ()), ('become_doas', ()), ('become_terminals', OVER_SSH))
    ),
    *(
        Deviation(
            topic,
            rf'^({tasks}) @target: {_REFUSED}',
            'what a refused become command has said, and its status, are the result, as over ssh',
            ('local',),
        )
        for topic, tasks in (
            ('become_sudo', 'an account (that is not there|by its number)'),
            ('become_sudo', 'a program that is not there|chdir of the plugin, nowhere'),
            ('become_sudo', 'flags|flags that sudo does not know'),
            ('become_su', 'to an account without a shell|flags that su does not know|a program that is not there'),
            ('become_others', 'nobody'),
        )
    ),
    Deviation(
        'become_su',
        r"^wrong password(, raw)? @target: \.result\.msg: '.*Premature end of stream .* != 'Task failed: Incorrect su ",
        'a wrong password is told as over ssh',
        ('local',),
    ),
    Deviation(
        'become_su',
        r'^another prompt(, wrong answer)? @target: \.(kind|result\.\w+): ',
        'su has a terminal to ask on, as over ssh; stock local has one only without pipelining',
        ('local',),
    ),
    Deviation(
        'become_terminals',
        r"^terminal, (command|raw|copy|another account) @target: \.(kind: 'item-failed' != 'item-ok'"
        r'|result\.(results\[1\]\.)?\w+: )',
        'a method that needs a terminal (run0) has one here, too',
        ('local',),
    ),
    Deviation(
        'become_terminals',
        r'^file target:/root/by-run0: ',
        'the same',
        ('local',),
    ),
    *(
        Deviation(
            topic,
            r'^file target:\S*/ansible-tmp-N/\S+: '
            r"\[('-rw[x-]r-[x-]r-- \d+:\d+'(, )?)+\] != \[('-rwxr-xr-x \d+:\d+'(, )?|'-rw\S{4}--- \d+:\d+'(, )?)+\]$",
            "what is put into a temporary folder has the controller's modes, as by sftp, not those of the play's umask",
            ('local',),
        )
        for topic in ('become_terminals', 'keep_remote_files')
    ),
    Deviation(
        'timeouts',
        r"^nothing is left @target: \.result\.stdout(_lines\[0\])?: '\d' != '0'$",
        'a task that is given up ends on the host, too',
        ('local',),
        now_and_then=True,
    ),
    Deviation(
        'async',
        r'^file target:/tmp/ansible_payload_N(/ansible_ansible\.legacy\.command_payload\.zip)?: ',
        'a job that is ended over its time leaves its zip behind, or has not unpacked it yet',
        now_and_then=True,
    ),
    Deviation(
        'files',
        r"^template with an undefined name @target: \.result\.msg: .* for 'ansible\.builtin\.copy' .* for 'copy' ",
        'the action that `svcfw enable` puts into the place of `copy` has no longer name',
        ('short-name',),
    ),
    Deviation(
        'connections',
        r'^(a wrong executable|bad options|worse options) @target: \.(kind|result\.\w+): ',
        'where paramiko is wanted there is no ssh program, and its options are not judged',
        ('paramiko',),
    ),
    Deviation(
        'become_doas',
        r"^wrong password(, raw)? @withpass: \.result\.\w+: '(\\r)+\\n(.*)' != '(\\r)+\\n\3'$",
        'a line end that doas writes as two characters is one',
        OVER_SSH,
    ),
    Deviation(
        'become_others',
        r'^no terminal asked for @target: \.(kind|result\.\w+): ',
        'methods that need a terminal have one without -tt in the arguments of ssh',
        OVER_SSH,
    ),
    Deviation(
        'become_no_acl',
        r'^(copy|template|script|want_json|async|unarchive)\b.* @target: \.(kind|result\.\w+)',
        'what the login account put there reaches the other account without setfacl',
    ),
    Deviation(
        'raw',
        r'^(streams and statuses|ended by a signal) @target: \.(kind|result\.\S+): ',
        'the status 255 and the end by a signal are those of the command; ssh cannot tell them from a lost connection',
        OVER_SSH,
    ),
    Deviation(
        'raw',
        r'^nothing @target: \.result\.\w+: ',
        'a command that is empty fails in the shell; stock local fails by an exception in Python',
        ('local',),
    ),
    Deviation(
        'modules_kinds',
        r"^ways to end @target: \S*\.module_stderr: ('Killed\\n' != ''$|'Traceback)",
        'a module runs in a fork: no shell tells of signals, and tracebacks name no zip in /tmp',
    ),
    Deviation(
        'modules_kinds',
        r'^file target:/tmp/ansible_payload_N',
        'a module that is killed leaves no zip in /tmp behind',
    ),
    Deviation(
        'reboot',
        r'^the session is killed @target: \.(kind|result\.\w+): ',
        'the parents of a module are a warm process and the agent, not the session: the task fails, the host is kept',
        OVER_SSH,
    ),
    Deviation(
        'reboot',
        r'^file target:/tmp/ansible_payload_N',
        'a module that is killed leaves no zip in /tmp behind',
    ),
    Deviation(
        'shells',
        r'^no shell, \w+ @target: \.(kind|result\.\w+): ',
        'an account whose login shell runs no commands is unreachable, and the reason is told',
        OVER_SSH,
    ),
    Deviation(
        'shells',
        r"'?Could not chdir to home directory /home/homeless",
        'what sshd says at the login of an account without a home is said once, not in the output of each raw',
        OVER_SSH,
    ),
    Deviation(
        'connections',
        r'^(an option that cannot be split|a way of transfer that is none) @target: \.result\.msg: ',
        'the option or the plugin is named as ours is',
        OVER_SSH,
    ),
    Deviation(
        'connections',
        r'^(a wrong password|a key that is not there) @target: \.(kind|result\.\w+): ',
        'a login with other credentials never uses what the right ones have opened, as ControlPersist does',
        OVER_SSH,
    ),
)


def of(topic: str, way: str) -> list[Deviation]:
    """Those that count for runs of `topic` over `way`."""
    return [each for each in DEVIATIONS if each.topic in (topic, ANY) and way in (each.ways or (way,))]
