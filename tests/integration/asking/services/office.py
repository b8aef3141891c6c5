"""Services that modules of the tests ask, by ansible and without it."""

import os
import re
import resource
import subprocess
import time

import svcfw.service
from svcfw.ansible.services.granting import let_fetch, let_put
from svcfw.ansible.services.policies import AllowAccounts, AllowHosts


class Office(svcfw.service.Service):
    """Does what is asked, for everybody."""

    def __init__(self, router):
        super().__init__(router)
        self.count = 0
        self.kept = []
        self.present = 0

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def who(self, msg):
        asked = svcfw.service.caller(msg)
        names = ('inventory_hostname', 'host', 'login_account', 'become_account', 'module', 'run')
        return {name: getattr(asked, name, None) for name in names}

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def add(self, number=1):
        self.count += number
        return self.count

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def arrive(self):
        with open('arrived', 'a') as file:
            file.write('x')

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def echo(self, data):
        return data

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def pid(self):
        return os.getpid()

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def place(self):
        return {'folder': os.getcwd(), 'pid': os.getpid(), 'home': os.environ['HOME'], 'group': os.getpgrp()}

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def leave(self):
        os._exit(3)

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def fail(self, text):
        print('it is about to fail')
        raise ValueError(text)

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def linger(self, msg, seconds=1000, data=None):
        """Until it is cancelled. data: what is kept for as long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not msg.cancelled:
            time.sleep(0.01)
        self.kept.append(msg.cancelled)
        return msg.cancelled

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def lingered(self):
        return self.kept

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def eat(self, limit):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
        eaten = []
        while True:
            eaten.append(bytearray(1 << 20))

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def hang(self):
        time.sleep(1000)

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def limits(self):
        with open('/proc/self/oom_score_adj') as file:
            return [resource.getrlimit(resource.RLIMIT_DATA)[0], int(file.read())]

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def much(self, size):
        return bytes(size)

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def odd(self):
        return self

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def enter(self):
        """How many are in by now."""
        self.present += 1
        return self.present

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def leave_again(self):
        self.present -= 1

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def start(self):
        return subprocess.Popen(['sleep', '1000']).pid

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def count_to(self, number, into):
        for i in range(number):
            into.send(i)
        into.close()

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def listen(self):
        import svcfw

        self.receiver = svcfw.Receiver(self.router)
        return self.receiver.to_sender()

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def heard(self):
        return [message.value() for message in self.receiver]

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def lend(self, path, msg):
        return let_fetch(msg, path)

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def take(self, path, msg):
        return let_put(msg, path)

    @svcfw.service.expose(policy=svcfw.service.AllowParents())
    def for_parents(self):
        return 'a secret'

    @svcfw.service.expose(policy=AllowHosts(['web*', '!web9']))
    def for_web(self):
        return 'web'

    @svcfw.service.expose(policy=AllowAccounts(['root']))
    def for_root(self):
        return 'root'


class Branch(Office):
    """Another one."""


class Unlisted(svcfw.service.Service):
    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def ask(self):
        return 'never'


class Slow(svcfw.service.Service):
    invoker_class = svcfw.service.DeduplicatingInvoker

    def __init__(self, router):
        super().__init__(router)
        self.runs = 0

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def work(self):
        self.runs += 1
        time.sleep(1)
        return self.runs

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def gather(self, number):
        """End a second after so many have arrived at the Office."""
        self.runs += 1
        while not os.path.exists('arrived') or os.path.getsize('arrived') < number:
            time.sleep(0.01)
        time.sleep(1)
        return self.runs


class Stubborn(svcfw.service.Service):
    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def keep(self):
        open('keeps', 'x').close()
        re.match('(a+)+$', 'a' * 100 + 'b')  # gives up the interpreter to no other thread


class Broken(svcfw.service.Service):
    def __init__(self, router):
        raise RuntimeError('it cannot be made')


class Importing(svcfw.service.Service):
    def __init__(self, router):
        super().__init__(router)
        __import__('nowhere')


class Telling(svcfw.service.Service):
    def __init__(self, router):
        super().__init__(router)
        print('it is made')
