"""The scratch environments: one of Python for each peer, with the pinned wheels of requirements/NAME.txt."""

import os
import shutil
import subprocess
import sys

from failure import ENVIRONMENT, Failure

HERE = os.path.dirname(os.path.abspath(__file__))


def requirements(name):
    """The pinned wheels of a peer, one a line."""
    with open(os.path.join(HERE, "requirements", name + ".txt"), encoding="utf-8") as file:
        return file.read()


def require_venv():
    """Before anything else is done. Throws Failure if this Python cannot make environments."""
    try:
        import ensurepip  # noqa: F401  Debian has it in the package python3-venv
        import venv  # noqa: F401
    except ImportError as error:
        raise Failure(
            f"python3 at {sys.executable} cannot make environments ({error}): apt-get install python3-venv",
            ENVIRONMENT,
        ) from error


def why_not(log):
    """The reason in what pip said, in words."""
    if "Could not find a version" in log or "No matching distribution" in log:
        if "Failed to establish a new connection" in log or "Connection" in log or "ProxyError" in log:
            return "PyPI cannot be reached"
        wanted = next(
            (
                line.split("requirement ")[1].split(" ")[0]
                for line in log.splitlines()
                if "satisfies the requirement " in line
            ),
            "",
        )
        return f"PyPI has no wheel of {wanted or 'it'} for Python {sys.version_info[0]}.{sys.version_info[1]} here"
    if "No space left" in log:
        return "no space left on the disk"
    lines = [line for line in log.splitlines() if line.startswith("ERROR")] or log.splitlines() or ["no message"]
    return "pip failed: " + lines[-1][:200]


def make(name, work):
    """(the Python of the peer's environment, None), or (None, why there is none). Made once; anew when pins change."""
    folder, wanted = os.path.join(work, "python", name), requirements(name)
    python, stamp = os.path.join(folder, "bin/python"), os.path.join(folder, "requirements.txt")
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return python, None
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    print(f"bench-peers: installing {', '.join(wanted.split())} below {folder}", file=sys.stderr, flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return None, "no environment: " + (made.stdout + made.stderr).strip().splitlines()[-1][:200]
    pip = subprocess.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            "--retries",
            "1",
            "-r",
            os.path.join(HERE, "requirements", name + ".txt"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if pip.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        return None, why_not(pip.stdout + pip.stderr)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return python, None
