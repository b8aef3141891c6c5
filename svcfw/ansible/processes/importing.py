"""What is to be done as core imports the connection plugin.

By its short name, and with our strategies, core imports it in its main process, before it forks workers. By the full
name alone, each worker imports it anew.
"""

from multiprocessing import parent_process

from svcfw.ansible.processes import definitions, preload


def imported(module: str) -> None:
    """Called as the plugin `module` is imported, by whose name core asks for its options next. Never raises."""
    if parent_process() is None:
        preload.preload()
    else:
        definitions.offer(module)
