"""The ends of sockets by which jobs become contexts; what is done if the link above is silent.

On targets, in the agent's process; loaded as far as a job becomes a context, or a controller goes on for a while.
"""
