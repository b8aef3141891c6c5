"""Messages between clients and the multiplexer: none is taken for another."""

from svcfw.agent import ops
from svcfw.agent.requests import BY_OPERATION as AGENTS
from svcfw.mux import protocol
from svcfw.mux.requests import BY_OPERATION as CLIENTS


def test_each_message_has_its_number() -> None:
    numbers = {name: value for name, value in vars(protocol).items() if name.isupper() and type(value) is int}
    del numbers['VERSION']
    assert {'HELLO', 'WELCOME', 'ALIVE'} <= set(numbers)
    assert len(set(numbers.values())) == len(numbers)


def test_operations_of_its_own_are_none_of_the_agents() -> None:
    own = {value for name, value in vars(protocol).items() if name.isupper() and type(value) is str}
    own -= {protocol.SERVICE}
    assert own <= set(CLIENTS)
    assert not own & set(AGENTS)
    assert ops.COMMAND in set(AGENTS) & set(CLIENTS)
