"""The fixed handles: well-known addresses within each context. Others are allocated above FIRST_DYNAMIC."""

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
#: Starts and disconnects children (svcfw.transport.children).
CHILDREN = 112
# 113 to 117 are those of svcfw.core.beside, which few contexts know.
#: The operations of the Ansible layer (svcfw.agent.agent).
AGENT = 120
FIRST_DYNAMIC = 1000

#: Number of context ids granted to a context at once.
ID_BLOCK = 1000
