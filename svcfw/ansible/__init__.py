"""The Ansible connection: a stock `ssh` connection whose work is done by warm contexts of the multiplexer.

Controller, in workers of ansible-playbook; imports svcfw.mux.client. `connection` is the plugin; the other modules
each know one thing of ansible-core: what it asks of the shell (`shell_commands`), how it escalates (`become`), which
options there are (`options`), what a module's payload looks like (`payloads`).
"""
