"""Transports: interchangeable ways to start a context. Controller and intermediate contexts: Python 3.6, stdlib only
(svcfw.transport.paramiko: controller, 3.11).

What each of them is: contract.py; which one a context is started by: connect.py.
"""
