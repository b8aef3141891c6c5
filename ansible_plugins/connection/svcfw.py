from __future__ import annotations

DOCUMENTATION = """
name: svcfw
short_description: run tasks in a warm Python on the target
version_added: 0.1.0
author: svcfw contributors
description:
  - Keeps one Python process on each target and runs modules in forks of it. Files and module code travel once.
  - The processes belong to a multiplexer on the controller that serves all runs of one user and goes away when unused.
  - Takes all options of the P(ansible.builtin.ssh#connection) connection under their usual names, and is
    that connection where a target has no Python.
notes:
  - Needs Python 3.6 or later on the target; P(ansible.builtin.ssh#connection) takes over where there is none.
  - An exit status of 255 is that of the command. P(ansible.builtin.ssh#connection) takes it for a lost connection.
  - With C(-v) a line for each host tells what carries its tasks, and another one each way that is not the fastest.
seealso:
  - plugin: ansible.builtin.ssh
    plugin_type: connection
options:
  svcfw_transport:
    description: What carries the connection.
    type: string
    default: auto
    choices:
      auto: V(ssh) where that program is installed, otherwise V(paramiko).
      ssh: The OpenSSH client, with everything that is configured for it.
      paramiko: The Python implementation of SSH. Needs no program and little memory for each host.
      local: A child process on the controller.
    env:
      - name: ANSIBLE_SVCFW_TRANSPORT
    ini:
      - section: svcfw_connection
        key: transport
    vars:
      - name: ansible_svcfw_transport
      - name: svcfw_transport
  svcfw_python:
    description:
      - The interpreter on the target to try first for the process that stays there.
      - Modules run under the interpreter that Ansible chooses for them, whichever this is.
      - Next are tried C(ansible_python_interpreter) where it is a path (from ansible-core 2.17 on), what is called
        C(python3) there, and some other names. What does not start is passed over. Each account of C(become) looks for
        one that it can run.
    type: string
    env:
      - name: ANSIBLE_SVCFW_PYTHON
    ini:
      - section: svcfw_connection
        key: python
    vars:
      - name: ansible_svcfw_python
      - name: svcfw_python
  svcfw_idle_timeout:
    description: Seconds after which a connection that no task has used is ended, and the multiplexer if it has none.
    type: int
    default: 60
    env:
      - name: ANSIBLE_SVCFW_IDLE_TIMEOUT
    ini:
      - section: svcfw_connection
        key: idle_timeout
    vars:
      - name: ansible_svcfw_idle_timeout
      - name: svcfw_idle_timeout
  svcfw_payload_cache:
    description:
      - Keep what ansible-core builds of its own modules below C(~/.cache/svcfw) for the next run, which saves some 0.2
        seconds for each module that a run uses. Needs ansible-core 2.19.
      - Used only as long as core would build exactly the same, and not at all where another folder of
        C(module_utils) has a module with the name of one of core's.
    type: boolean
    default: true
    env:
      - name: ANSIBLE_SVCFW_PAYLOAD_CACHE
    ini:
      - section: svcfw_connection
        key: payload_cache
    vars:
      - name: ansible_svcfw_payload_cache
      - name: svcfw_payload_cache
  svcfw_reuse:
    description:
      - Run modules in processes that are forked ahead, and some of core's own again in the same process as long as it
        is as it was before (see docs/performance.md). C(-vvv) shows it.
      - C(false) forks a process for each module when it is to run.
    type: boolean
    default: true
    env:
      - name: ANSIBLE_SVCFW_REUSE
    ini:
      - section: svcfw_connection
        key: reuse
    vars:
      - name: ansible_svcfw_reuse
      - name: svcfw_reuse
  svcfw_services:
    description:
      - Services that modules on this host may call, by their names, C(module.Class). A module on it that calls another
        one is refused.
      - They are found in the folder C(services) of the present role, in that beside the playbook, in
        O(svcfw_services_path), in collections (C(ansible_collections.NS.NAME.plugins.module_utils.module.Class)), and
        where C(ansible-playbook) itself imports from. One process holds those of a run and ends with it.
    type: list
    elements: string
    default: []
    env:
      - name: ANSIBLE_SVCFW_SERVICES
    ini:
      - section: svcfw_connection
        key: services
    vars:
      - name: ansible_svcfw_services
      - name: svcfw_services
  svcfw_services_path:
    description: Folders in which services are looked for, too.
    type: list
    elements: path
    default: []
    env:
      - name: ANSIBLE_SVCFW_SERVICES_PATH
    ini:
      - section: svcfw_connection
        key: services_path
    vars:
      - name: ansible_svcfw_services_path
      - name: svcfw_services_path
  svcfw_files:
    description:
      - Files and folders of the controller that modules on this host may fetch while they run. Links in them are
        followed as long as they lead to a place below one of these.
      - What the user who runs C(ansible-playbook) cannot read cannot be fetched either.
    type: list
    elements: string
    default: []
    env:
      - name: ANSIBLE_SVCFW_FILES
    ini:
      - section: svcfw_connection
        key: files
    vars:
      - name: ansible_svcfw_files
      - name: svcfw_files
  svcfw_uploads:
    description:
      - Folders of the controller in which modules on this host may write files while they run, for example
        C(/srv/reports/{{ inventory_hostname }}). One that is not there is made, if the folder above it is there.
      - Folders in it have to be there. No link in it is followed, no owner is set, and no bit to execute a file.
      - Hosts for which the same folder is named can replace each other's files.
    type: list
    elements: string
    default: []
    env:
      - name: ANSIBLE_SVCFW_UPLOADS
    ini:
      - section: svcfw_connection
        key: uploads
    vars:
      - name: ansible_svcfw_uploads
      - name: svcfw_uploads
  svcfw_upload_bytes:
    description: How many bytes all modules on this host together may write on the controller in one run.
    type: integer
    default: 1073741824
    env:
      - name: ANSIBLE_SVCFW_UPLOAD_BYTES
    ini:
      - section: svcfw_connection
        key: upload_bytes
    vars:
      - name: ansible_svcfw_upload_bytes
      - name: svcfw_upload_bytes
  svcfw_inventory_hostname:
    description: What services are told of the host. Not to be set.
    type: string
    vars:
      - name: inventory_hostname
  svcfw_playbook_dir:
    description: Beside what services are found. Not to be set.
    type: string
    vars:
      - name: playbook_dir
  svcfw_role_path:
    description: In what services are found. Not to be set.
    type: string
    vars:
      - name: role_path
  pipelining:
    description:
      - Hand modules over without a file on the target. Turning this off makes every module a file transfer.
      - Variables turn it off under the names that other connections know, too. Settings and environment variables for
        all hosts do so under names of its own only, since for other connections it is off by default.
    type: boolean
    default: true
    env:
      - name: ANSIBLE_SVCFW_PIPELINING
    ini:
      - section: svcfw_connection
        key: pipelining
    vars:
      - name: ansible_pipelining
      - name: ansible_ssh_pipelining
      - name: ansible_svcfw_pipelining
  host:
    description: Name or address of the target.
    type: string
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_ssh_host
  port:
    description: Port of the SSH server. Left to the SSH configuration if not set.
    type: int
    ini:
      - section: defaults
        key: remote_port
    env:
      - name: ANSIBLE_REMOTE_PORT
    vars:
      - name: ansible_port
      - name: ansible_ssh_port
    keyword:
      - name: port
  remote_user:
    description: Account to log in to. Left to the SSH configuration if not set.
    type: string
    ini:
      - section: defaults
        key: remote_user
    env:
      - name: ANSIBLE_REMOTE_USER
    vars:
      - name: ansible_user
      - name: ansible_ssh_user
    cli:
      - name: user
    keyword:
      - name: remote_user
  password:
    description: Password of O(remote_user). No helper program is needed to use it.
    type: string
    vars:
      - name: ansible_password
      - name: ansible_ssh_pass
      - name: ansible_ssh_password
  private_key_file:
    description: File with the private key to log in with.
    type: string
    ini:
      - section: defaults
        key: private_key_file
    env:
      - name: ANSIBLE_PRIVATE_KEY_FILE
    vars:
      - name: ansible_private_key_file
      - name: ansible_ssh_private_key_file
    cli:
      - name: private_key_file
        option: '--private-key'
  private_key:
    description: The private key itself, in PEM format. Needs ansible-core 2.19 or later and its C(SSH_AGENT) setting.
    type: string
    env:
      - name: ANSIBLE_PRIVATE_KEY
    vars:
      - name: ansible_private_key
      - name: ansible_ssh_private_key
  private_key_passphrase:
    description: Passphrase of O(private_key). Not used for O(private_key_file).
    type: string
    env:
      - name: ANSIBLE_PRIVATE_KEY_PASSPHRASE
    vars:
      - name: ansible_private_key_passphrase
      - name: ansible_ssh_private_key_passphrase
  host_key_checking:
    description: Refuse a target whose host key is not known.
    type: boolean
    default: true
    ini:
      - section: defaults
        key: host_key_checking
      - section: ssh_connection
        key: host_key_checking
    env:
      - name: ANSIBLE_HOST_KEY_CHECKING
      - name: ANSIBLE_SSH_HOST_KEY_CHECKING
    vars:
      - name: ansible_host_key_checking
      - name: ansible_ssh_host_key_checking
  timeout:
    description: Seconds to wait for a connection, and again for a password prompt of C(become).
    type: integer
    default: 10
    env:
      - name: ANSIBLE_TIMEOUT
      - name: ANSIBLE_SSH_TIMEOUT
    ini:
      - section: defaults
        key: timeout
      - section: ssh_connection
        key: timeout
    vars:
      - name: ansible_ssh_timeout
    cli:
      - name: timeout
  reconnection_retries:
    description: How many times more to try to connect, with growing pauses. A refused login is not tried again.
    type: integer
    default: 0
    env:
      - name: ANSIBLE_SSH_RETRIES
    ini:
      - section: connection
        key: retries
      - section: ssh_connection
        key: retries
    vars:
      - name: ansible_ssh_retries
  ssh_executable:
    description: The SSH client, a name to be found in E(PATH) or a path.
    type: string
    default: ssh
    env:
      - name: ANSIBLE_SSH_EXECUTABLE
    ini:
      - section: ssh_connection
        key: ssh_executable
    vars:
      - name: ansible_ssh_executable
  ssh_args:
    description:
      - Arguments of the SSH client, in the place of the default ones.
      - The default is that of other connections and is not used here, since neither compression nor a control socket
        helps a connection that stays open. Set anything else and it is used as it is.
    type: string
    default: '-C -o ControlMaster=auto -o ControlPersist=60s'
    ini:
      - section: ssh_connection
        key: ssh_args
    env:
      - name: ANSIBLE_SSH_ARGS
    vars:
      - name: ansible_ssh_args
  ssh_common_args:
    description: Further arguments of the SSH client.
    type: string
    default: ''
    ini:
      - section: ssh_connection
        key: ssh_common_args
    env:
      - name: ANSIBLE_SSH_COMMON_ARGS
    vars:
      - name: ansible_ssh_common_args
    cli:
      - name: ssh_common_args
  ssh_extra_args:
    description: Still further arguments of the SSH client.
    type: string
    default: ''
    ini:
      - section: ssh_connection
        key: ssh_extra_args
    env:
      - name: ANSIBLE_SSH_EXTRA_ARGS
    vars:
      - name: ansible_ssh_extra_args
    cli:
      - name: ssh_extra_args
  use_tty:
    description: Give commands that are no modules (M(ansible.builtin.raw), M(ansible.builtin.script)) a terminal.
    type: bool
    default: true
    env:
      - name: ANSIBLE_SSH_USETTY
    ini:
      - section: ssh_connection
        key: usetty
    vars:
      - name: ansible_ssh_use_tty
  password_mechanism:
    description: How P(ansible.builtin.ssh#connection) hands over a password, where it takes over.
    type: string
    default: ssh_askpass
    choices:
      - ssh_askpass
      - sshpass
      - disable
    env:
      - name: ANSIBLE_SSH_PASSWORD_MECHANISM
    ini:
      - section: ssh_connection
        key: password_mechanism
    vars:
      - name: ansible_ssh_password_mechanism
  sshpass_prompt:
    description: A password prompt of another wording. If set, P(ansible.builtin.ssh#connection) makes the connection.
    type: string
    default: ''
    ini:
      - section: ssh_connection
        key: sshpass_prompt
    env:
      - name: ANSIBLE_SSHPASS_PROMPT
    vars:
      - name: ansible_sshpass_prompt
  pkcs11_provider:
    description: A smart card's PKCS#11 library. If set, P(ansible.builtin.ssh#connection) makes the connection.
    type: string
    default: ''
    env:
      - name: ANSIBLE_PKCS11_PROVIDER
    ini:
      - section: ssh_connection
        key: pkcs11_provider
    vars:
      - name: ansible_ssh_pkcs11_provider
  verbosity:
    description: Verbosity of the SSH client where P(ansible.builtin.ssh#connection) takes over.
    type: int
    default: 0
    env:
      - name: ANSIBLE_SSH_VERBOSITY
    ini:
      - section: ssh_connection
        key: verbosity
    vars:
      - name: ansible_ssh_verbosity
  control_path:
    description: Control socket where P(ansible.builtin.ssh#connection) takes over.
    type: string
    env:
      - name: ANSIBLE_SSH_CONTROL_PATH
    ini:
      - section: ssh_connection
        key: control_path
    vars:
      - name: ansible_control_path
  control_path_dir:
    description: Directory of control sockets where P(ansible.builtin.ssh#connection) takes over.
    type: string
    default: ~/.ansible/cp
    env:
      - name: ANSIBLE_SSH_CONTROL_PATH_DIR
    ini:
      - section: ssh_connection
        key: control_path_dir
    vars:
      - name: ansible_control_path_dir
  ssh_transfer_method:
    description: How files are copied where P(ansible.builtin.ssh#connection) takes over.
    type: string
    default: smart
    choices:
      - sftp
      - scp
      - piped
      - smart
    env:
      - name: ANSIBLE_SSH_TRANSFER_METHOD
    ini:
      - section: ssh_connection
        key: transfer_method
    vars:
      - name: ansible_ssh_transfer_method
  scp_if_ssh:
    description: The older form of O(ssh_transfer_method), known to ansible-core 2.16.
    default: smart
    env:
      - name: ANSIBLE_SCP_IF_SSH
    ini:
      - section: ssh_connection
        key: scp_if_ssh
    vars:
      - name: ansible_scp_if_ssh
  sftp_batch_mode:
    description: Detect failed transfers of C(sftp) where P(ansible.builtin.ssh#connection) takes over.
    type: bool
    default: true
    env:
      - name: ANSIBLE_SFTP_BATCH_MODE
    ini:
      - section: ssh_connection
        key: sftp_batch_mode
    vars:
      - name: ansible_sftp_batch_mode
  sftp_executable:
    description: The C(sftp) program where P(ansible.builtin.ssh#connection) takes over.
    type: string
    default: sftp
    env:
      - name: ANSIBLE_SFTP_EXECUTABLE
    ini:
      - section: ssh_connection
        key: sftp_executable
    vars:
      - name: ansible_sftp_executable
  sftp_extra_args:
    description: Further arguments of C(sftp) where P(ansible.builtin.ssh#connection) takes over.
    type: string
    default: ''
    env:
      - name: ANSIBLE_SFTP_EXTRA_ARGS
    ini:
      - section: ssh_connection
        key: sftp_extra_args
    vars:
      - name: ansible_sftp_extra_args
    cli:
      - name: sftp_extra_args
  scp_executable:
    description: The C(scp) program where P(ansible.builtin.ssh#connection) takes over.
    type: string
    default: scp
    env:
      - name: ANSIBLE_SCP_EXECUTABLE
    ini:
      - section: ssh_connection
        key: scp_executable
    vars:
      - name: ansible_scp_executable
  scp_extra_args:
    description: Further arguments of C(scp) where P(ansible.builtin.ssh#connection) takes over.
    type: string
    default: ''
    env:
      - name: ANSIBLE_SCP_EXTRA_ARGS
    ini:
      - section: ssh_connection
        key: scp_extra_args
    vars:
      - name: ansible_scp_extra_args
    cli:
      - name: scp_extra_args
"""

from svcfw.ansible.connection import Connection  # noqa: E402, F401
from svcfw.ansible.processes.importing import imported  # noqa: E402

imported(__name__)
