from pathlib import Path

import paramiko

from svcfw.core.wire.values import Secret
from svcfw.transport.paramiko.login import Login
from svcfw.transport.paramiko.settings import settle
from svcfw.transport.spec import Spec
from tests.support.need import need_program
from tests.support.sshd import make_key


def test_what_is_tried_is_keys_and_the_password(tmp_path: Path) -> None:
    """And no GSSAPI, whatever the configuration says."""
    make_key(need_program('sshd', 'ssh-keygen'), tmp_path / 'key')
    words = ['-F', '/dev/null', '-o', 'GSSAPIAuthentication=yes']
    spec = Spec(
        host='web1', password=Secret('x'), private_key_file=str(tmp_path / 'key'), ssh_common_args=words, env={}
    )
    # Nothing is attempted, so that the transport is never asked for anything.
    ways = Login(spec)._ways(spec, settle(spec), paramiko.Transport.__new__(paramiko.Transport))
    assert [method for method, _ in ways] == ['publickey', 'password', 'keyboard-interactive']
