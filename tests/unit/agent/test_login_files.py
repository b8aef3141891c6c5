"""Which files shape a login, read from start-up files of all kinds."""

import os
import shutil
import subprocess

import pytest

from svcfw.agent.login_files import watched


@pytest.fixture
def home(tmp_path):
    return tmp_path / 'home' / 'bob'


def of(home, shell='/bin/bash', is_lent=False, **environ):
    found = watched(shell, str(home), {'HOME': str(home), **environ}, is_lent)
    return {path[len(str(home)) + 1 :] if path.startswith(str(home)) else path for path in found}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ('shell', 'name'),
    [
        ('/bin/bash', '.bashrc'), ('/usr/bin/zsh', '.zshenv'), ('/usr/bin/fish', '.config/fish/config.fish'),
        ('/usr/bin/fish', '.config/fish/conf.d'), ('/bin/tcsh', '.cshrc'), ('/bin/csh', '.tcshrc'),
        ('/bin/sh', '.ssh/environment'), ('/bin/bash', '.pam_environment'), ('', '.ssh/rc'),
    ],
)  # fmt: skip
def test_what_each_shell_reads(home, shell, name):
    assert name in of(home, shell)


def test_what_a_shell_does_not_read_for_a_command_counts_for_other_accounts_only(home):
    assert '.profile' not in of(home)
    assert {'.profile', '/etc/profile.d'} <= of(home, is_lent=True)
    assert '.profile' in of(home, '/bin/dash', is_lent=True)
    assert '.bashrc' not in of(home, '/bin/dash')


def test_variables_that_name_files(home):
    assert of(home, BASH_ENV='~/env', ZDOTDIR='/nowhere') >= {'env'}
    assert '/nowhere/.zshenv' in of(home, '/bin/zsh', ZDOTDIR='/nowhere')


def test_usual_start_up_files(home, tmp_path):
    system = tmp_path / 'etc'
    write(home / '.bashrc', f'''
[ -f ~/.bash_aliases ] && . ~/.bash_aliases
export NVM_DIR="$HOME/.nvm"
[ -s "$NVM_DIR/nvm.sh" ] && \\. "$NVM_DIR/nvm.sh"  # This loads nvm
. "$HOME/.cargo/env"
if [ -f {system}/bashrc ]; then
    source {system}/bashrc
fi
for rc in ~/.bashrc.d/*; do . "$rc"; done
export PATH="$HOME/.rbenv/bin:$PATH"
# . ~/.not_this
echo "$(date)" >>~/.logins; echo >| "$HOME/.last"
''')  # fmt: skip
    write(system / 'bashrc', f'for i in {system}/profile.d/*.sh; do . "$i"; done\n')
    found = of(home, PATH='/usr/bin')
    assert found >= {
        '.bashrc', '.bash_aliases', '.nvm/nvm.sh', '.cargo/env', '.bashrc.d', f'{system}/bashrc', f'{system}/profile.d'
    }  # fmt: skip
    assert not found & {'.not_this', '.logins', '.last', ''}


@pytest.mark.parametrize(
    ('line', 'name'),
    [
        ('. "$HOME/$(uname).sh"', 'Linux.sh'),
        ('eval "$(tools init -)"', '.tools'),
    ],
)
def test_what_is_only_known_once_it_is_computed(home, line, name):
    write(home / '.bashrc', f'{line}\n')
    assert name not in of(home)


def test_folders_that_are_only_named_are_not_watched(home):
    (home / 'bin').mkdir(parents=True)
    write(home / '.bashrc', 'export PATH=~/bin:/usr/local/bin:$PATH\nHISTFILE="$HOME/.bash_history"\n. /dev/null\n')
    assert not of(home) & {'bin', '/usr/local/bin', '/dev/null', '.bash_history'}


def test_files_in_folders_are_looked_through(home):
    write(home / '.config/fish/conf.d/tools.fish', 'source ~/tools/env.fish\n')
    assert 'tools/env.fish' in of(home, '/usr/bin/fish')


def test_files_that_name_each_other_come_to_an_end(home):
    write(home / '.bashrc', '. ~/.one\n')
    write(home / '.one', '. ~/.bashrc; . ~/.two\n')
    write(home / '.two', '. ~/.three\n')
    write(home / '.three', '. ~/.four\n')
    assert {'.one', '.two'} <= of(home)
    write(home / '.bashrc', ''.join(f'. ~/{n}\n' for n in range(1000)))
    assert len(of(home)) <= 200


def test_text_that_is_none_does_no_harm(home):
    write(home / '.bashrc', '\0\xff. "${X[${Y' + '/' * 5000 + '$' * 5000 + '"' * 500)
    assert '.bashrc' in of(home)
    (home / '.cshrc').mkdir()
    assert '.cshrc' in of(home, '/bin/tcsh')


@pytest.mark.skipif(not shutil.which('strace') or os.geteuid() != 0, reason='needs strace')
def test_all_that_bash_opens_below_the_home_is_known(home):
    write(home / '.bashrc', '. ~/.one\n[ -f ~/.absent ] && . ~/.absent\n')
    write(home / '.one', 'X=1\n')
    command = ['strace', '-f', '-e', 'trace=openat', 'bash', '-c', ':']
    environ = {'HOME': str(home), 'PATH': os.environ['PATH'], 'SSH_CLIENT': '1 2 3', 'SHLVL': '0'}
    text = subprocess.run(command, env=environ, capture_output=True, check=True).stderr.decode()
    opened = {line.split('"')[1] for line in text.splitlines() if f'"{home}' in line}
    assert {path[len(str(home)) + 1 :] for path in opened} <= of(home)
