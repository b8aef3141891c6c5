"""Lines of a file on many hosts, as they are found: `python examples/search.py PATTERN FILE web1 web2`."""

import re
import sys

import svcfw


def search(sender: 'svcfw.Sender', pattern: str, path: str) -> None:
    """Send (number, line) for each line that matches, and at the end how many; runs on the host."""
    found = 0
    try:
        with open(path, errors='replace') as lines:
            for number, line in enumerate(lines, 1):
                if re.search(pattern, line):
                    found += 1
                    sender.send((number, line.rstrip('\n')))
        sender.close(f'{found} lines match')
    except OSError as e:
        sender.close(str(e))


def start(router: 'svcfw.Router', host: str) -> 'svcfw.Context':
    return router.local(name=host) if host == 'local' else router.ssh(host)


@svcfw.main()
def main(router: 'svcfw.Router') -> None:
    pattern, path, *hosts = sys.argv[1:]
    contexts = {svcfw.Receiver(router): start(router, host) for host in hosts}
    select = svcfw.Select(router.loop, contexts, oneshot=False)
    for receiver, context in contexts.items():
        context.call_no_reply(search, receiver.to_sender(), pattern, path)
    while select:
        receiver, received = select.get_event()
        if isinstance(received, svcfw.ChannelError):  # the end of one, and why
            print(f'{contexts[receiver]}: {received}')
        else:
            number, line = received.value()
            print(f'{contexts[receiver]}:{number}: {line}')
