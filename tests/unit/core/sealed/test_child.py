"""What a context of another account takes from the one above it: hardly anything that the controller has not sealed."""

import hashlib
import zlib

import pytest

from svcfw.core import handles
from svcfw.core.sealed import child as module
from svcfw.core.sealed.child import DIGEST_BYTES, NOBODY, SealedImporter
from svcfw.core.sealed.seal import Seal
from svcfw.core.wire.errors import ChannelError, LinkError
from svcfw.core.wire.frames import DEAD, Frame, pack_header
from svcfw.core.wire.link import Goodbye, Link

KEY = bytes(32)
TOP, ABOVE, OWN, BELOW = 0, 3, 7, 8


@pytest.fixture
def started():
    config = {'key': KEY, 'id': OWN, 'parents': (ABOVE, TOP)}
    made = module.start(config)
    assert 'key' not in config
    return made


@pytest.fixture
def link(started):
    return started[1]


def wire(src, dst=OWN, auth=None, flags=0, payload=b'payload of some length, more than that of a tag', seal=None):
    frame = Frame(dst, src, src if auth is None else auth, 120, 5, flags, payload)
    if seal is not None:
        frame.payload = seal.sealed(frame)
    return pack_header(frame) + frame.payload


def test_what_is_sealed(link):
    seal = Seal(KEY, OWN)
    for src, dst in ((TOP, OWN), (ABOVE, OWN), (TOP, BELOW)):
        (frame,) = link.receive_data(wire(src, dst, seal=seal))
        assert (frame.src, frame.auth, frame.payload[:7]) == (src, src, b'payload')


@pytest.mark.parametrize(('src', 'auth'), [(TOP, TOP), (TOP, ABOVE), (BELOW, TOP), (BELOW, BELOW), (OWN, OWN)])
@pytest.mark.parametrize('payload', [b'', bytes(100)])
def test_what_is_forged_ends_the_link(link, src, auth, payload):
    with pytest.raises(LinkError, match=f'context {src}'):
        link.receive_data(wire(src, auth=auth, payload=payload))


def test_what_is_said_again_ends_the_link(link):
    said = wire(TOP, seal=Seal(KEY, OWN))
    link.receive_data(said)
    with pytest.raises(LinkError):
        link.receive_data(said)


@pytest.mark.parametrize('auth', [TOP, ABOVE, OWN, BELOW])
def test_the_one_above_has_no_authority(link, auth):
    (frame,) = link.receive_data(wire(ABOVE, auth=auth))
    assert frame.auth == NOBODY


def test_that_there_is_no_answer_anybody_may_say(link):
    (frame,) = link.receive_data(wire(TOP, flags=DEAD))
    assert frame.auth == NOBODY
    assert type(link.receive_data(Link().goodbye())[0]) is Goodbye


class Context:
    def __init__(self, router, context_id):
        self._router, self._id = router, context_id

    def request(self, handle, name):
        assert handle == handles.GET_MODULE
        self._router.asked.append((self._id, name))
        answer = self._router.answers.get((self._id, name))
        if answer is None:
            raise ChannelError('gone')
        return answer


class Router:
    parent_ids = (ABOVE, TOP)

    def __init__(self):
        self.asked, self.answers, self.handlers = [], {}, {}

    def context(self, context_id):
        return Context(self, context_id)

    def parent(self):
        return self.context(ABOVE)

    def add_handler(self, function, handle, policy):
        self.handlers[handle] = function


class Message:
    def __init__(self, value):
        self._value = value
        self.is_dead = value is None

    def value(self):
        return self._value


class Loader:
    router = None

    def __init__(self):
        self.sources = {}

    def find_spec(self, name):
        return self.sources.get(name)


SOURCE = b'VALUE = 1\n'


def module_of(name, source=SOURCE):
    return name, False, name + '.py', zlib.compress(source)


@pytest.fixture
def router():
    return Router()


@pytest.fixture
def importer(started, router):
    made = started[0](router, Loader())
    assert type(made) is SealedImporter
    digests = {name: hashlib.sha256(SOURCE).digest()[:DIGEST_BYTES] for name in ('sv.one', 'sv.two')}
    router.handlers[handles.LOAD_MODULE](Message(digests))
    made.sources['sv'] = ('sv', b'', True)
    return made


def test_the_one_above_passes_on_what_is_vouched_for(router, importer):
    router.answers[ABOVE, 'sv.one'] = [module_of('sv.one'), module_of('sv.two')]
    assert importer.find_spec('sv.one')[1] == SOURCE
    assert importer.find_spec('sv.two')[1] == SOURCE
    assert router.asked == [(ABOVE, 'sv.one')]


@pytest.mark.parametrize(
    'answer',
    [
        None,
        [],
        [module_of('sv.one', b'import os')],
        [('sv.one', False, 'x', None)],
        [('sv.one', False, 'x', b'')],
        [module_of('sv.three'), module_of('sv.one', b'')],
    ],
)
def test_what_is_not_comes_from_the_controller(router, importer, answer):
    router.answers[ABOVE, 'sv.one'] = answer
    router.answers[TOP, 'sv.one'] = [module_of('sv.one')]
    assert importer.find_spec('sv.one')[1] == SOURCE
    assert set(importer.sources) == {'sv', 'sv.one'}
    assert router.asked == [(ABOVE, 'sv.one'), (TOP, 'sv.one')]


def test_of_the_rest_the_controller_alone_is_asked(router, importer):
    router.answers[TOP, 'sv.three'] = [module_of('sv.three', b'')]
    assert importer.find_spec('sv.three')[1] == b''
    router.answers[TOP, 'other'] = [('other', False, '', None)]
    assert importer.find_spec('other') is None
    assert router.asked == [(TOP, 'sv.three'), (TOP, 'other')]


def test_what_is_sealed_is_loaded_whatever_it_is(router, importer):
    router.handlers[handles.LOAD_MODULE](Message([module_of('sv.four', b'pass')]))
    router.handlers[handles.LOAD_MODULE](Message(None))
    assert importer.find_spec('sv.four')[1] == b'pass'
    assert router.asked == []
