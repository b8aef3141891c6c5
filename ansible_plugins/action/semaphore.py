from svcfw.ansible.services.ready.semaphore_action import ActionModule  # noqa: F401
