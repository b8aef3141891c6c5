"""The fixed handles: addresses within each context that everybody knows. Others are allocated above FIRST_DYNAMIC."""

CALL_FUNCTION = 100
GET_MODULE = 101
LOAD_MODULE = 102
FORWARD_LOG = 103
ADD_ROUTE = 104
DEL_ROUTE = 105
ALLOCATE_ID = 106
SHUTDOWN = 107
GET_DATA = 108
CANCEL_CALL = 109
CALL_SERVICE = 110
CANCEL_SERVICE = 111
#: To start a child, or let go of one (svcfw.transport.children).
CHILDREN = 112
#: What a context above says of those that are neither above nor below (svcfw.core.beside), and what one of these sends
#: to another, for the context above both to pass on.
ADMIT = 113
BESIDE = 114
#: A line that a service has said, for the run that it serves (svcfw.mux.server.services).
SERVICE_LINE = 115
#: A file of the controller that a service lets one of its callers fetch (the same).
SERVICE_FILE = 116
#: The operations of the Ansible layer (svcfw.agent.agent).
AGENT = 120
FIRST_DYNAMIC = 1000

#: How many context ids a context is granted at once.
ID_BLOCK = 1000
