"""What core passes to a connection to be run, payloads of modules above all. Workers; imports svcfw.ansible."""
