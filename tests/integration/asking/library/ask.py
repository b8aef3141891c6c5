#!/usr/bin/python
"""Asks the controller whatever the test wants, step by step; answers with what each step gave, or raised."""

import hashlib
import io
import os
import sys
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.svcfw.svcfw.plugins.module_utils.services import Services


def call(services, service, method, arguments=None, timeout=None):
    return services.call(service, method, timeout=timeout, **(arguments or {}))


def fetch(services, path, to):
    return services.fetch(path, to)['size']


def get(services, path):
    out = io.BytesIO()
    services.get(path, out)
    return out.getvalue().decode()


def put(services, path, to, **options):
    services.put(path, to, **options)


def write(services, path, content=None, size=0):
    with open(path, 'wb') as file:
        file.write(content.encode() if content else os.urandom(1 << 20) * (size >> 20))
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def numbers(services, number):
    receiver = services.receiver()
    services.call('office.Office', 'count_to', number=number, into=receiver.to_sender())
    return [message.value() for message in receiver]


def say(services, values):
    sender = services.sender('office.Office', 'listen')
    for value in values:
        sender.send(value)
    sender.close()
    return services.call('office.Office', 'heard')


def at_once(services, count):
    replies = [services.call_async('office.Office', 'add') for _ in range(count)]
    return sorted(reply.get() for reply in replies)


def many(services, count):
    for _ in range(count):
        services.call_async('office.Office', 'linger', seconds=1000)


def fork(services):
    """A fork of the module may not use its context, and leaves it alone."""
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            services.call('office.Office', 'add')
            answer = b'answered'
        except Exception as e:
            answer = str(e).encode()
        os.write(write, answer)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    return [said, services.call('office.Office', 'add', number=0) >= 0]


def timed(services, count):
    """Milliseconds that each call takes, the first one's among them."""
    spent = []
    for _ in range(count):
        began = time.time()
        services.call('office.Office', 'add', number=0)
        spent.append(1000 * (time.time() - began))
    return spent


def python(services):
    return '%d.%d' % sys.version_info[:2]


def pause(services, seconds):
    time.sleep(seconds)


def die(services):
    services.call_async('office.Office', 'linger', seconds=1000)
    os._exit(1)


def daemon(services, seconds):
    """Leave a process behind that has copies of all descriptors."""
    if os.fork() == 0:
        os.setsid()
        for fd in (1, 2):
            os.close(fd)
        time.sleep(seconds)
        os._exit(0)


def main():
    module = AnsibleModule(argument_spec={'steps': {'type': 'list', 'elements': 'dict'}, 'ends': {'type': 'bool'}})
    answers = []
    with Services(module) as services:
        for step in module.params['steps']:
            ((name, arguments),) = step.items()
            try:
                answers.append(globals()[name](services, **(arguments or {})))
            except Exception as e:
                if module.params['ends']:
                    raise
                answers.append({'type': type(e).__name__, 'error': str(e)})
    module.exit_json(answers=answers)


if __name__ == '__main__':
    main()
