"""docs/sent.txt lists exactly the files that may be sent to targets; tests/hostile/test_modules.py asks for others."""

from docs import make_sent


def test_the_list_is_that_of_what_may_be_sent() -> None:
    listed = make_sent.PAGE.read_text('utf-8')
    assert listed == make_sent.listing(), 'look at what is new there, then: python -m docs.make_sent'


def test_each_file_is_there() -> None:
    paths = [line for line in make_sent.PAGE.read_text('utf-8').splitlines() if line and not line.startswith('#')]
    assert [path for path in paths if not (make_sent.ROOT / path).is_file()] == []


def test_nothing_that_stays_on_controllers_is_in_it() -> None:
    listed = make_sent.PAGE.read_text('utf-8')
    for folder in ('mux', 'ansible', 'cli', 'transport/paramiko'):
        assert f'svcfw/{folder}/' not in listed
