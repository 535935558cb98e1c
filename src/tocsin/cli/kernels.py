"""A place where compiled kernels may be kept.

numba keeps them beside the source or below the home folder. Where neither can be written, as in
many containers, it refuses to start; then a folder of our own is named before numba is loaded.
"""

import os
import stat
import tempfile
from pathlib import Path

import tocsin

VARIABLE = "NUMBA_CACHE_DIR"


def choose_place() -> None:
    """Name a folder in the environment if none is named and numba would find none."""
    if VARIABLE in os.environ or _beside_source() or _below_home():
        return
    os.environ[VARIABLE] = str(_own_folder())


def _beside_source() -> bool:
    package = Path(tocsin.__file__).parent
    folders = [package / "hashing" / "__pycache__", package / "matching" / "__pycache__"]
    return all(_writable(one) for one in folders)


def _below_home() -> bool:
    return _writable(Path(os.path.expanduser("~")) / ".cache" / "numba")  # noqa: PTH111 - never raises


def _writable(folder: Path) -> bool:
    """Whether files can be written there, or the folder made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _own_folder() -> Path:
    """Return a folder that is ours alone: who can write there can run code as us."""
    folder = Path(tempfile.gettempdir()) / f"tocsin-kernels-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if ours and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return folder
    return Path(tempfile.mkdtemp(prefix="tocsin-kernels-"))
