"""The payload as a real zip on disk, for the few modules that start another interpreter on it.

`respawn_module` hands the zip's path to another Python, and resources beside the code are read through zipimport.
"""

import os
import sys

_RESPAWN = 'ansible/module_utils/common/respawn.py'
# Finds its resources through importlib.resources, including Python sources (since 2.21; dnf uses it).
_EMBED = 'ansible/module_utils/embed.py'


def needed(job):
    """True if the module may need the zip itself (bool)."""
    return has_resources(job) or any(name == _RESPAWN for name, _ in job.members)


def has_resources(job):
    """True if members may be needed as files rather than as modules (bool)."""
    return any(name == _EMBED or not name.endswith(('.py', '/')) for name, _ in job.members)


def make_folder(job):
    """A new folder (mode 0700) named as the stock wrapper names it; OSError. Runs before the fork, so that the
    template knows what to remove however the module ends."""
    import tempfile

    env = job.env
    wanted = env.get('TMPDIR') or env.get('TEMP') or env.get('TMP')
    folder = wanted if wanted and os.path.isdir(wanted) else None
    return os.path.realpath(tempfile.mkdtemp(prefix='ansible_%s_payload_' % job.module, dir=folder))


def remove_folder(folder):
    """Remove it recursively; what cannot be removed stays, as with the stock wrapper."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def write(folder, job, members):
    """Write the payload's zip into `folder`; returns its path. Raises OSError if the disk is full."""
    import zipfile

    path = os.path.join(folder, 'ansible_%s_payload.zip' % job.module)
    # In the environment of a child interpreter the zip has to precede an ansible installed with a .pth file.
    site = 'import sys\nsys.path.insert(0, "%s")\n' % path
    with zipfile.ZipFile(path, 'w') as archive:
        for name, digest in job.members:
            archive.writestr(_info(zipfile, name), members.content(digest))
        archive.writestr(
            _info(zipfile, 'sitecustomize.py'), site.encode(sys.getfilesystemencoding(), 'surrogateescape')
        )
    return path


def _info(zipfile, name):
    # A fixed date: zipfile fails for a clock before 1980, as on a board without battery.
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o600 << 16
    return info
