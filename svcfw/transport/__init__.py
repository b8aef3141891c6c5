"""Transports: interchangeable ways to start a context. Controller and intermediate contexts: Python 3.6, stdlib only
(svcfw.transport.paramiko: controller, 3.11).

Each transport is a module with one function:

    launch(spec, size) -> (process, dialogue)

It starts the first stage for `spec` (spec.Spec) without waiting. `process` has the interface of `process.Process`:
in_fd and out_fd carry the second stage (`size` bytes), then frames, 8-bit clean; err_fd is the error stream; tty_fd, if
any, is the terminal for prompts. `dialogue` (dialogue.Dialogue) decides what to do about data from err_fd and tty_fd
until the link is up, and makes a StartError of every other ending. `launch` raises StartError for errors found at once.
"""
