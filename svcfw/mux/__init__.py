"""The multiplexer: one process for each user of a controller, which keeps contexts warm between tasks and runs."""
