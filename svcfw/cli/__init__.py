"""The `svcfw` command. Controller; imports everything below."""
