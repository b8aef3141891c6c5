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
# 113 to 116 are those of svcfw.core.beside, which few contexts know.
#: The operations of the Ansible layer (svcfw.agent.agent).
AGENT = 120
FIRST_DYNAMIC = 1000

#: How many context ids a context is granted at once.
ID_BLOCK = 1000
