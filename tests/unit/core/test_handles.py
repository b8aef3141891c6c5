"""The fixed handles: no two things have one address."""

from svcfw.core import beside, handles


def fixed() -> dict[str, int]:
    named = {
        f'{module.__name__}.{name}': value
        for module in (handles, beside)
        for name, value in vars(module).items()
        if name.isupper() and type(value) is int and not name.startswith('_')
    }
    return {name: value for name, value in named.items() if value < handles.FIRST_DYNAMIC and 'MAX' not in name}


def test_each_has_its_own() -> None:
    found = fixed()
    assert found['svcfw.core.handles.AGENT'] == 120
    assert found['svcfw.core.beside.BESIDE'] in range(113, 118)
    assert len(set(found.values())) == len(found), sorted(found.items(), key=lambda item: item[1])


def test_none_is_one_that_is_allocated() -> None:
    assert all(0 < value < handles.FIRST_DYNAMIC for value in fixed().values())
