"""`svcfw status`: what the multiplexer has and does, by host."""

from collections.abc import Iterator
from typing import Any, TextIO

from svcfw.core.parent import printable
from svcfw.mux.client import status

_UNITS = ('B', 'KiB', 'MiB', 'GiB')


def run(out: TextIO) -> int:
    """Write the status to `out`. Raises MuxError if the multiplexer does not answer."""
    answer = status.ask()
    if answer is None:
        out.write('no multiplexer is running\n')
    else:
        out.writelines(f'{line}\n' for line in lines(answer))
    return 0


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Text for the answer of svcfw.mux.client.status.ask."""
    contexts = sorted(answer['contexts'], key=lambda context: str(context['name']))
    yield (
        f'multiplexer: process {answer["pid"]}, {duration(answer["age_s"])} old, {answer["clients"]} clients'
        f' ({size(answer["clients_bytes"])} held for them), {len(contexts)} hosts'
    )
    for context in contexts:
        yield from _context(context, '')


def _context(context: dict[str, Any], indent: str) -> Iterator[str]:
    # What a host says of itself is not to look like a line of ours.
    who = f'{context["name"]} ({context["account"]})' if context['account'] else context['name']
    parts = [f'{printable.line(who)}: {context["state"]}, {duration(context["age_s"])} old']
    if context['idle_s']:
        parts.append(f'idle for {duration(context["idle_s"])}')
    if context['wait_for_it']:
        parts.append(f'waited for by {context["wait_for_it"]}')
    for name, text in (
        ('queued_bytes', 'held for it'),
        ('under_way_bytes', 'under way'),
        ('kept_there_bytes', 'kept there'),
    ):
        if context[name]:
            parts.append(f'{size(context[name])} {text}')
    yield indent + ', '.join(parts)
    for operation, age_s in context['calls']:
        yield f'{indent}  {printable.line(operation)}: asked {duration(age_s)} ago, not answered'
    for child in context['children']:
        yield from _context(child, indent + '  ')


def duration(seconds: float) -> str:
    """As a person says it: 5 s, 3 min 20 s, 2 h 5 min."""
    whole = int(seconds)
    if whole < 60:
        return f'{whole} s'
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f'{minutes} min {rest} s'
    return f'{minutes // 60} h {minutes % 60} min'


def size(count: float) -> str:
    """With the unit that leaves few digits."""
    for unit in _UNITS[:-1]:
        if count < 1024:
            return f'{count:.0f} {unit}'
        count /= 1024
    return f'{count:.1f} {_UNITS[-1]}'
