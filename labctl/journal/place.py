"""Where a journal may stand: not on a network share, in a folder that survives power loss."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from labctl.journal.errors import NetworkShare, StorageFault

NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs ncpfs afs auristorfs ceph glusterfs lustre beegfs gpfs "
    "orangefs pvfs2 davfs fuse.sshfs fuse.davfs2 fuse.davfs fuse.glusterfs fuse.ceph fuse.rclone "
    "fuse.s3fs fuse.curlftpfs fuse.gvfsd-fuse fuse.vmhgfs-fuse vmhgfs vboxsf prl_fs".split()
)
"""Linux file-system types without the shared memory and locks that SQLite's WAL needs."""

WINDOWS_DRIVE_REMOTE = 4


def refuse_network_share(folder: Path) -> None:
    """Raise NetworkShare when the folder, or where it will be made, is not on a local disk."""
    kind = _network_kind(folder)
    if kind is not None:
        raise NetworkShare(
            f"{folder} is on a network share ({kind}), where a journal can lose data; "
            "keep runs on a local disk (--data DIR) and copy or sync them from there"
        )


def _network_kind(folder: Path) -> str | None:
    if sys.platform == "win32":
        return _network_kind_windows(str(folder.absolute()))
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return network_kind_linux(folder.resolve(), lines.splitlines())


def network_kind_linux(folder: Path, mountinfo: Iterable[str]) -> str | None:
    """The network file system that holds the folder by this mount table, or None."""
    holder, answer = -1, None
    for line in mountinfo:
        before, dash, after = line.partition(" - ")
        fields, source = before.split(), after.split()
        if not dash or len(fields) < 5 or not source:
            continue
        point = Path(_unescape(fields[4]))
        depth = len(point.parts)
        # A later line covers an earlier one on the same mount point.
        if depth >= holder and folder.is_relative_to(point):
            holder, answer = depth, _kind(source[0], " ".join(source[1:]))
    return answer


def _kind(file_system: str, source: str) -> str | None:
    if file_system in NETWORK_FILE_SYSTEMS:
        return file_system
    # WSL shows the Windows disks by 9p, with locks that do not hold; other 9p mounts are local.
    if file_system == "9p" and "drvfs" in source:
        return "a Windows disk under WSL"
    return None


def _unescape(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), path)


def _network_kind_windows(folder: str) -> str | None:
    if folder.startswith("\\\\") and not folder.startswith(("\\\\?\\", "\\\\.\\")):
        return "UNC path"
    import ctypes

    loader = getattr(ctypes, "windll", None)
    if loader is None:
        return None
    kind = loader.kernel32.GetDriveTypeW(os.path.splitdrive(folder)[0] + "\\")
    return "mapped drive" if kind == WINDOWS_DRIVE_REMOTE else None


def make_durable_folder(folder: Path) -> None:
    """Make the folder and its missing parents; raise StorageFault if it is there or cannot be."""
    missing = [folder]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    try:
        for each in reversed(missing):
            # another run may be making the same parents
            each.mkdir(exist_ok=each != folder)
            sync_folder(each.parent)
    except FileExistsError:
        raise StorageFault(f"{folder} is already there") from None
    except OSError as error:
        raise StorageFault(f"cannot make {folder}: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """Make the folder's entries survive power loss; on Windows the file system does it itself."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
