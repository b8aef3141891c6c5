"""What we know of ansible-core beyond its plugin API (see docs/architecture.md), each thing made another one."""

from tests.support.doctored import NEW, OLD, Doctoring, Edit, text, word

ACTION = 'plugins/action/__init__.py'
ACTIONS = 'plugins/action/*.py'
BECOME = 'plugins/become/__init__.py'
BECOMES = 'plugins/become/*.py'
BUILDER = 'executor/module_common.py'
CONNECTION = 'plugins/connection/__init__.py'
CONNECTIONS = 'plugins/connection/*.py'
COPY = 'plugins/action/copy.py'
DEBUG = 'module_utils/_internal/_debug.py'
EVERYTHING = ('**/*.py', 'config/base.yml')
EXECUTOR = 'executor/task_executor.py'
FRAGMENT = 'plugins/doc_fragments/shell_common.py'
LOADER = 'module_utils/_internal/_ansiballz/_loader.py'
SHELL = 'plugins/shell/__init__.py'
SHELLS = 'plugins/shell/*.py'
SSH = 'plugins/connection/ssh.py'
WRAPPER = '_internal/_ansiballz/_wrapper.py'

NEW_OPTION = "      new_one:\n          description: new\n          type: string\n          default: ''\n"

OFF = 'svcfw: fast path off, '


def played(attribute: str) -> tuple[Edit, ...]:
    """A connection's play context without one attribute; core's own code asks another object."""
    part = (
        '    @property\n    def _play_context(self):\n        whole = self._whole_context\n\n'
        '        class Part:\n            def __getattr__(self, name):\n'
        f"                if name == '{attribute}':\n                    raise AttributeError(name)\n"
        '                return getattr(whole, name)\n\n        return Part()\n\n'
        '    @_play_context.setter\n    def _play_context(self, value):\n        self._whole_context = value\n\n'
    )
    return (
        Edit(r'self\._play_context\.', 'self._whole_context.', (CONNECTION, SSH)),
        Edit(r'^    def set_become_plugin\(', part + '    def set_become_plugin(', (CONNECTION,)),
    )


def shell_method(name: str) -> Doctoring:
    return Doctoring(
        f'shell.{name}',
        f'{OFF}shell commands: the shell plugin has no {name}',
        (
            Edit(rf'\bdef {name}\(', f'def make_{name}(', (SHELLS,)),
            Edit(rf'(self|_shell)\.{name}\(', rf'\1.make_{name}(', (SHELLS, ACTIONS)),
        ),
    )


def become_attribute(name: str, *edits: Edit) -> Doctoring:
    return Doctoring(f'become.{name}', f'{OFF}become: the become plugin has no {name}', edits)


def copy_method(name: str) -> Doctoring:
    return Doctoring(
        f'copy.{name}',
        f"{OFF}copy of folders: ansible-core's copy has no {name}",
        (word(name, f'{name}_anew', ACTIONS),),
    )


DOCTORINGS = (
    # -- what a module arrives as
    Doctoring(
        'payload.argument',
        r'svcfw: L1, .*unknown argument tracing',
        (
            text(
                '            extensions=extension_manager',
                '            tracing=None,\n            extensions=extension_manager',
                BUILDER,
            ),
            text('    rlimit_nofile: int,\n', '    rlimit_nofile: int,\n    tracing: None,\n', WRAPPER),
        ),
        lines=(NEW,),
    ),
    Doctoring(
        'payload.keyword',
        r'svcfw: L1, .*keyword (arguments|json_params)',
        (text('json_params=json_params', 'arguments=json_params', WRAPPER), word('json_params', 'arguments', LOADER)),
        lines=(NEW,),
    ),
    Doctoring(
        'payload.function',
        r'svcfw: L1, .*another way to run the module',
        (
            text('_loader.run_module(', '_loader.start_module(', WRAPPER),
            text('def run_module(', 'def start_module(', LOADER),
        ),
        lines=(NEW,),
    ),
    Doctoring(
        'payload.zip',
        r'svcfw: L1, .*a zip that is not base64',
        (text('base64.b64encode', 'base64.b85encode', BUILDER), text('base64.b64decode', 'base64.b85decode', WRAPPER)),
        lines=(NEW,),
    ),
    Doctoring(
        'payload.field',
        r'svcfw: L1, .*a field is missing',
        (word('ZIPDATA', 'ZIP_TEXT', BUILDER),),
        lines=(OLD,),
    ),
    Doctoring(
        'payload.global',
        r'svcfw: L1, .*another way to run the module',
        (word('_ANSIBLE_ARGS', '_ANSIBLE_PARAMETERS', *EVERYTHING),),
        lines=(OLD,),
    ),
    Doctoring('payload.mark', r'svcfw: L1, .*no AnsiballZ', (word('_ANSIBALLZ_WRAPPER', '_WRAPPED', *EVERYTHING),)),
    Doctoring('payload.codecs', '', (word('get_module_encoder', 'module_encoder', *EVERYTHING),), lines=(NEW,)),
    Doctoring(
        'result.fields',
        '',
        (word('get_result_key_to_resolved_field_mapping', 'fields_by_key', *EVERYTHING),),
        lines=(NEW,),
    ),
    Doctoring('plugins.places', '', (word('OLD_PLUGIN_CACHE_CLEARING', 'PLUGIN_CACHE_CLEARING', *EVERYTHING),)),
    Doctoring('plugins.folders', '', (word('_get_paths_with_context', '_contexts_of_paths', *EVERYTHING),)),
    # -- how a command arrives
    Doctoring(
        'command.wrapped',
        'svcfw: L2, the command is not one that only starts an interpreter',
        (text("executable + ' -c '", "executable + ' +x -c '", ACTION),),
    ),
    Doctoring(
        'command.appended',
        'svcfw: L2, input for something else than a Python',
        (text("append_command(cmd, 'sleep 0')", "append_command(cmd, 'true')", ACTION),),
        lines=(OLD,),
    ),
    # -- the shell plugin
    *(shell_method(name) for name in ('mkdtemp', 'expand_user', 'chmod', 'set_user_facl', 'remove')),
    Doctoring(
        'shell.set_user_facl()',
        f"{OFF}shell commands: the shell plugin's set_user_facl is another one",
        (
            text('set_user_facl(self, paths, user, mode)', 'set_user_facl(self, paths, account, mode)', SHELL),
            text('% (user, mode)', '% (account, mode)', SHELL),
            text('set_user_facl(paths, user, mode)', 'set_user_facl(paths, account=user, mode=mode)', ACTION),
        ),
    ),
    Doctoring(
        'shell.mkdtemp(basefile)',
        f"{OFF}shell commands: the shell plugin's mkdtemp is another one",
        (word('basefile', 'base_name', SHELLS), text('basefile=', 'base_name=', ACTION)),
    ),
    Doctoring(
        'shell.mkdtemp()',
        f"{OFF}shell commands: the shell plugin's mkdtemp returns a _ShellCommand",
        (
            text(
                '        return cmd\n\n    def _mkdtemp2',
                '        return _ShellCommand(command=cmd)\n\n    def _mkdtemp2',
                SHELL,
            ),
            Edit(
                r'(mode=mode, tmpdir=tmpdir\)\n        return )_ShellCommand\(command=cmd, input_data=None\)',
                r'\1cmd',
                (SHELL,),
            ),
        ),
        lines=(NEW,),
    ),
    Doctoring('shell.append_command', '', (word('append_command', 'add_command', SHELLS, ACTIONS),)),
    Doctoring(
        'shell option remote_tmp',
        '',
        (
            Edit(r'^  remote_tmp:', '  remote_folder:', (FRAGMENT,)),
            text("option('remote_tmp'", "option('remote_folder'", SHELL, ACTION),
        ),
    ),
    Doctoring(
        'shell option system_tmpdirs',
        f"{OFF}shell commands: the shell plugin's mkdtemp is another one: ",
        (word('system_tmpdirs', 'system_folders', FRAGMENT, SHELLS, ACTIONS),),
    ),
    # -- the become plugin
    Doctoring(
        'become.build_become_command()',
        f'{OFF}become: build_become_command is called with unexpected arguments',
        (
            text(
                'build_become_command(cmd, self._connection._shell)',
                'build_become_command(cmd, self._connection._shell, task=None)',
                ACTION,
            ),
            text(
                'def build_become_command(self, cmd, shell)',
                'def build_become_command(self, cmd, shell, task=None)',
                BECOMES,
            ),
        ),
    ),
    become_attribute('build_become_command', word('build_become_command', 'become_command', BECOMES, ACTION)),
    become_attribute('success', Edit(r'(self|become)\.success\b', r'\1.mark', (BECOMES, CONNECTIONS, EXECUTOR))),
    become_attribute(
        'prompt',
        Edit(r'(self|become)\.prompt\b', r'\1.question', (BECOMES, EXECUTOR)),
        Edit(r'^    prompt = ', '    question = ', (BECOMES,)),
        text("getattr(self.become, 'prompt'", "getattr(self.become, 'question'", SSH),
    ),
    *(
        become_attribute(name, word(name, name.replace('check', 'is'), BECOMES, CONNECTIONS))
        for name in ('check_password_prompt', 'check_success', 'check_incorrect_password', 'check_missing_password')
    ),
    Doctoring('become._id', '', (Edit(r'(self|become)\._id\b', r'\1._token', (BECOMES, CONNECTIONS)),)),
    Doctoring('become.get_option(playcontext)', '', (word('playcontext', 'play', BECOME, ACTIONS),)),
    Doctoring('become.require_tty', '', (word('require_tty', 'wants_tty', BECOMES, CONNECTIONS),)),
    Doctoring(
        'become.pipelining',
        '',
        (Edit(r'(become\.|^    )pipelining\b', r'\1can_pipeline', (BECOMES, CONNECTIONS)),),
        lines=(NEW,),
    ),
    Doctoring(
        'set_become_plugin',
        'svcfw: L3, stock ssh: the become command is not one that the plugin was seen to build',
        (Edit(r'\bconnection\.set_become_plugin\((\w+)\)', r'connection.become = \1', (EXECUTOR,)),),
    ),
    # -- the connection
    *(
        Doctoring(f'play_context.{name}', '', played(name))
        for name in ('remote_addr', 'executable', 'password', 'timeout', 'no_log')
    ),
    Doctoring('is_pipelining_enabled', '', (word('is_pipelining_enabled', 'can_pipeline', *EVERYTHING),), lines=(NEW,)),
    Doctoring(
        'DEFAULT_KEEP_REMOTE_FILES',
        f'{OFF}modules through su: this ansible-core has no DEFAULT_KEEP_REMOTE_FILES',
        (word('DEFAULT_KEEP_REMOTE_FILES', 'DEFAULT_KEEP_FILES', *EVERYTHING),),
        lines=(NEW,),
    ),
    Doctoring('_split_ssh_args', '', (word('_split_ssh_args', '_split_args', CONNECTIONS),)),
    Doctoring(
        '_include_cause_message', '', (word('_include_cause_message', '_with_cause', *EVERYTHING),), lines=(NEW,)
    ),
    Doctoring(
        'options of stock ssh',
        'svcfw: L3, stock ssh: sshpass_prompt is set',
        (
            Edit(r'^      ssh_args:', f'{NEW_OPTION}      ssh_args:', (SSH,)),
            Edit(r"(= self\.get_option\('ssh_args'\))", r"\1 + self.get_option('new_one')", (SSH,)),
        ),
        variables=(('ansible_sshpass_prompt', 'word:'),),
    ),
    Doctoring(
        '_populate_agent',
        'svcfw: L3, stock ssh: private_key is set, and this ansible-core puts it into an agent in another way',
        (word('_populate_agent', '_fill_agent', CONNECTIONS),),
        lines=(NEW,),
        variables=(('ansible_private_key', "{{ lookup('file', ansible_ssh_private_key_file) }}\n"),),
        # The agent's socket lies there, and its name must not be long.
        env=(('ANSIBLE_SSH_AGENT', 'auto'), ('ANSIBLE_LOCAL_TEMP', '/tmp')),
    ),
    # -- what core keeps of its modules
    Doctoring(
        'ansiballz_cache',
        f'{OFF}kept payloads: this ansible-core keeps what it builds in another place',
        (text("'ansiballz_cache'", "'module_cache'", BUILDER),),
        lines=(NEW,),
    ),
    Doctoring(
        'DEFAULT_LOCAL_TMP',
        f'{OFF}kept payloads: this ansible-core has no DEFAULT_LOCAL_TMP',
        (word('DEFAULT_LOCAL_TMP', 'DEFAULT_TMP', *EVERYTHING),),
        lines=(NEW,),
    ),
    *(
        Doctoring(
            name,
            f'{OFF}kept payloads: the folders of module_utils cannot be told',
            (word(name, new, *EVERYTHING),),
            lines=(NEW,),
        )
        for name, new in (('module_utils_loader', 'module_util_loader'), ('print_paths', 'all_paths'))
    ),
    # -- the action that copies
    *(
        copy_method(name)
        for name in (
            '_copy_file',
            '_execute_module',
            '_remove_tmp_path',
            '_find_needle',
            '_transfer_file',
            '_fixup_perms2',
            '_is_become_unprivileged',
        )
    ),
    Doctoring(
        'copy module',  # which fails, as it might for a reason of the host's: -vv has it
        '',
        (word('load_file_common_arguments', 'common_file_arguments', *EVERYTHING),),
    ),
    Doctoring(
        'copy step file',
        f'{OFF}copy of folders: this ansible-core takes other steps',
        (text("'ansible.legacy.file'", "'ansible.builtin.file'", COPY),),
    ),
    *(
        Doctoring(
            f'copy {name}',
            f"{OFF}copy of folders: ansible-core's copy is another one: .*{name}",
            (word(name, f'{name}_anew', *EVERYTHING),),
        )
        for name in ('_shared_loader_obj', 'get_real_file')
    ),
    Doctoring(
        'copy checksum',
        f'{OFF}copy of folders: .*checksum',
        (
            Edit(r'^checksum =', 'file_checksum =', ('utils/hashing.py',)),
            Edit(r'(utils\.hashing import )checksum\b', r'\1file_checksum as checksum', (ACTIONS,)),
        ),
    ),
)

#: What processes that run modules again go by (svcfw/agent/warm/reuse). Without one of these each module has a new
#: process, with nothing said but at -vvv: `says`. Without the first two a rehearsal fails, and none is waited for.
REUSE = (
    *(
        Doctoring(
            f'basic.{name}',
            says,
            (word(name, f'{name}_ANEW', *EVERYTHING),),
            lines=(NEW,),
        )
        for name, says in (
            ('_ANSIBLE_ARGS', 'L0, modules run from memory\n'),
            ('_ANSIBLE_PROFILE', 'L0, modules run from memory\n'),
            ('_PARSED_MODULE_ARGS', 'new process, after the last one: a global'),
        )
    ),
    Doctoring(
        '_debug',
        'new process, after the last one: a signal',
        (text('    return inner\n', "    inner.__module__ = 'another'\n    return inner\n", DEBUG),),
        lines=('devel',),
    ),
)
