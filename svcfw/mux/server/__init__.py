"""The multiplexer's process: clients, contexts, and caches of what hosts hold.

Controller; imports svcfw.transport, and the protocol of svcfw.agent.
"""
