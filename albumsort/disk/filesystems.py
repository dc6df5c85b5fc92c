"""Find out which kind of file system a file is on, where the operating system offers that."""

from __future__ import annotations

import os
import sys
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

# fmt: off
NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs", "vboxsf"
}
NETWORK_FUSE = {
    "ceph-fuse", "curlftpfs", "davfs2", "gcsfuse", "glusterfs", "goofys", "grpcfuse", "gvfsd-fuse",
    "rclone", "s3fs", "smbnetfs", "sshfs", "vmhgfs-fuse"
}
"""Drivers in user space; the kernel names them fuse.NAME."""
# fmt: on


def network(path: Path) -> str | None:
    """Return the kind of network file system a file is on; None if it is local or unknown.

    There, locks may not apply across machines, and memory is not shared between them.
    """
    if sys.platform == "win32":  # its device numbers differ
        return None
    try:
        device = os.stat(path).st_dev
        mounts = os.fsdecode(MOUNTS.read_bytes())
    except OSError:  # not Linux, or no permission
        return None
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        about, _, filesystem = line.partition(" - ")  # proc_pid_mountinfo(5)
        if number in about.split()[2:3]:
            kind = filesystem.partition(" ")[0]
            if kind in NETWORK or kind.removeprefix("fuse.") in NETWORK_FUSE:
                return kind
    return None
