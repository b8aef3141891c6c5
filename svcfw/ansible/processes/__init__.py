"""What the processes of one run of ansible-playbook have of each other: core's main one forks a worker for each task.

In those processes. Imports ansible-core."""
