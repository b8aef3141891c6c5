"""Ways to start a context somewhere, interchangeable.

Each transport is a module with one function:

    launch(spec, size) -> (process, dialogue)

which starts the first stage for `spec` (spec.Spec) without waiting. `process` is a `process.Process` or something like
it: in_fd and out_fd carry first the second stage (`size` bytes), then frames, clean for eight bits; err_fd is the error
stream until its end; tty_fd, if any, is where questions are asked. `dialogue` (dialogue.Dialogue) says what to do about
what is read from err_fd and tty_fd until the link is up, and makes an error of every other ending. `launch` raises
StartError for what it knows to be wrong at once.
"""
