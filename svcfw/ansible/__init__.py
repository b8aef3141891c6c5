"""The Ansible connection: a stock `ssh` connection whose work is done by warm contexts of the multiplexer.

`connection` is the plugin; the other modules of this folder each know one thing of ansible-core: what it asks of the
shell (`operations`), how it escalates (`become`), what a module payload looks like (`payload`), which options there are
(`options`).
"""
