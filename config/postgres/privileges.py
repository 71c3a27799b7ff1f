"""PostgreSQL refuses to run as root, or as a user without an entry in /etc/passwd: how they start it all the same.

1. In a user namespace that calls us by an ordinary user's id. Files stay ours, so all below root's home is reachable.
2. Root where namespaces are forbidden (many containers): as the owner of the cluster, `nobody` for a new one,
   with the one capability that lets it pass folders that only root may enter.
"""

import os
import pwd
import shutil
import subprocess
from functools import cache
from pathlib import Path

NOBODY = 65534


def command_prefix(cluster: Path) -> list[str]:
    """Return what to put before a PostgreSQL program so that it may work on this cluster.

    Hands an existing cluster of root's to `nobody` when namespaces are forbidden.
    Raises PermissionError when neither way exists here.
    """
    user = os.geteuid()
    if user != 0:
        return [] if is_known(user) or not namespaces_allowed() else namespace()
    owner = cluster.stat().st_uid if cluster.exists() else 0
    if owner == 0 and namespaces_allowed():
        return namespace()
    if shutil.which("setpriv") is None:
        raise PermissionError(
            "PostgreSQL refuses to run as root, and neither user namespaces nor the setpriv program are available: "
            "run as an ordinary user or set DATABASE_URL."
        )
    if owner == 0:
        owner = NOBODY
        if cluster.exists():
            give(cluster, owner)
    return dropped_to(owner)


def is_known(user: int) -> bool:
    """Say whether the user has an entry in /etc/passwd, which initdb insists on."""
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def namespace() -> list[str]:
    """Return the prefix that runs a program as ourselves under the id of some ordinary user."""
    ordinary = next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid not in (0, NOBODY)), NOBODY)
    return ["unshare", "--user", f"--map-user={ordinary}", "--"]


def dropped_to(owner: int) -> list[str]:
    """Return the prefix that runs a program as this user, still able to enter root's folders."""
    return [
        "setpriv",
        f"--reuid={owner}",
        f"--regid={owner}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--",
    ]


def give(folder: Path, owner: int) -> None:
    """Make this user the owner of a folder and everything in it."""
    os.chown(folder, owner, owner)
    for root, directories, files in os.walk(folder):
        for name in (*directories, *files):
            os.chown(Path(root) / name, owner, owner, follow_symlinks=False)


@cache
def namespaces_allowed() -> bool:
    """Say whether this machine lets us make a user namespace (one process is started to find out)."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*namespace(), "true"], capture_output=True, check=False).returncode == 0
