"""Payloads of modules as ansible-core builds them. Controller, in workers; imports nothing else of svcfw."""
