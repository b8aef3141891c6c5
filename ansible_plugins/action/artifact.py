from svcfw.ansible.services.ready.artifact_action import ActionModule  # noqa: F401
