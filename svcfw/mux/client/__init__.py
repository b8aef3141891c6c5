"""The multiplexer's client, in each worker of ansible-playbook; imports svcfw.mux.protocol and no server code."""
