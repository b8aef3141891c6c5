"""What a soak takes for flat, and for growth."""

import os

import pytest

from tests.support.samples import Sample, not_flat, sample


def series(**per_sample: float) -> dict[str, list[Sample]]:
    """30 samples in which these kinds grow by so much each time."""
    return {
        'controller': [
            Sample(
                n,
                50 + n * per_sample.get('memory', 0),
                int(40 + n * per_sample.get('descriptors', 0)),
                int(2 + n * per_sample.get('threads', 0)),
                int(1 + n * per_sample.get('processes', 0)),
            )
            for n in range(30)
        ]
    }


def test_what_stays_is_flat() -> None:
    assert not_flat(series()) == []


def test_what_grew_at_the_beginning_alone_is_flat() -> None:
    warm = [Sample(n, min(n, 9) * 10, 40, 2, 1) for n in range(30)]
    assert not_flat({'targets': warm}) == []


@pytest.mark.parametrize('kind', ['memory', 'descriptors', 'threads', 'processes'])
def test_what_grows_all_the_time_is_named(kind: str) -> None:
    (line,) = not_flat(series(**{kind: 0.5}))
    assert line.startswith(f'controller: {kind} grew from ')


def test_too_few_samples_are_an_error() -> None:
    with pytest.raises(ValueError, match='say nothing'):
        not_flat({'controller': [Sample(0, 1, 1, 1, 1)]})


def test_a_process_that_is_gone_does_not_count() -> None:
    own = sample(0, [os.getpid(), 2**22 + 1])
    assert own.processes == 1
    assert own.memory > 1
    assert own.threads >= 1
    assert own.descriptors >= 3
