"""The multiplexer's process: clients, contexts, what hosts hold.

Controller; imports svcfw.transport, and the protocol of svcfw.agent.
"""
