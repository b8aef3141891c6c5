"""What playbooks and their services have to do with hosts and runs.

What a task offers its module (workers of ansible-playbook), the summary of a run (its main process); policies and
grants for users' services (the service host).
"""
