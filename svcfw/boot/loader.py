"""The head of the second stage: makes modules of the bundled sources and starts the context.

This text is sent, never imported on the controller. It uses what the first stage left in its namespace:
        b   bytes, the second stage: the packed bundle, then the configuration
    d   the zlib object that unpacked it; d.unused_data is the configuration
    s   list of bytes: this text, then path and source of each module in turn
Runs on Python 3.6 and imports only modules that are loaded already.
"""

# mypy: ignore-errors
import sys


class Loader:
    """Finder and loader of the bundled modules. Tracebacks show their lines, since linecache calls get_source.

    sources: {module name: (file name as tracebacks show it, source bytes, is it a package)}
    name: of the module whose spec it is in. The class gets `router`, through which data files are requested, once there
    is one.
    """

    def __init__(self, sources, name=None):
        self.sources = sources
        self.name = name

    def __getattr__(self, name):
        if name not in ('get_data', 'get_resource_reader', 'archive'):
            raise AttributeError(name)
        import svcfw.core.datafiles.data

        return getattr(svcfw.core.datafiles.data.Data(self.router, self.sources, self.name), name)

    def find_spec(self, name, path=None, target=None):
        if name in self.sources:
            filename, _, package = self.sources[name]
            # ModuleSpec from an existing spec: importlib.machinery may not be loaded yet.
            spec = type(sys.__spec__)(name, Loader(self.sources, name), origin=filename, is_package=package)
            spec.has_location = True
            return spec
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        filename, source, _ = self.sources[module.__name__]
        exec(compile(source, filename, 'exec', dont_inherit=True), module.__dict__)

    def is_package(self, name):
        return self.sources[name][2]

    def get_source(self, name):
        if name not in self.sources:
            raise ImportError(name)
        return self.sources[name][1].decode()


bundled = {}
for path, source in zip(s[1::2], s[2::2]):  # noqa: F821
    path = path.decode()
    name, _, stem = path[:-3].replace('/', '.').rpartition('.')
    package = stem == '__init__'
    bundled[name if package else name + '.' + stem] = '<svcfw>/' + path, source, package
sys.meta_path.insert(0, Loader(bundled))
config = eval(d.unused_data)  # noqa: F821
bundled.update(config.get('sources', ()))
# This context starts its children from the same bundle.
config['bundle'] = b[: len(b) - len(d.unused_data)]  # noqa: F821
# Where a running program becomes a context (svcfw.agent.warm.ahead.prepared, the module_utils of the collection), the
# text is cut off here.
del sys.argv[1:]

import svcfw.core.entry  # noqa: E402

svcfw.core.entry.main(config)
