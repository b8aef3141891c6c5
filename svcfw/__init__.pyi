from collections.abc import Callable
from typing import Any, TypeVar

from svcfw.core.calls.caller import call as call
from svcfw.core.calls.chain import CallChain as CallChain
from svcfw.core.context import Context as Context
from svcfw.core.context import Sender as Sender
from svcfw.core.dispatch import takes_router as takes_router
from svcfw.core.latch import Latch as Latch
from svcfw.core.message import Message as Message
from svcfw.core.receivers.channel import Channel as Channel
from svcfw.core.receivers.channel import Receiver as Receiver
from svcfw.core.receivers.select import Select as Select
from svcfw.core.wire.errors import CallError as CallError
from svcfw.core.wire.errors import ChannelError as ChannelError
from svcfw.core.wire.errors import EncodeError as EncodeError
from svcfw.core.wire.errors import Error as Error
from svcfw.core.wire.errors import StartError as StartError
from svcfw.core.wire.errors import TimeoutError as TimeoutError
from svcfw.core.wire.values import Secret as Secret
from svcfw.program.router import Router as Router

_F = TypeVar('_F', bound=Callable[[Router], Any])

__version__: str
is_target: bool

def main(log_level: str | int = 'WARNING') -> Callable[[_F], _F]: ...
