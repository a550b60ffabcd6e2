"""Every module imports on a system without POSIX: nothing needs pty, fcntl, termios or resource."""

import subprocess
import sys

HIDE_AND_IMPORT = """
import importlib, pkgutil, sys

HIDDEN = ("pty", "fcntl", "termios", "resource", "tty", "grp", "pwd", "syslog")
PACKAGES = ("labctl", "labctl_drivers", "labctl_protocols", "labctl_simulators")
PLATFORM = ("subprocess", "asyncio", "ssl", "multiprocessing", "concurrent.futures")

for name in PLATFORM:  # the standard library chooses by sys.platform, and would need them here
    importlib.import_module(name)

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}: hidden by the test", name=name)
        return None

sys.meta_path.insert(0, Hide())
for name in HIDDEN:
    sys.modules.pop(name, None)

failed, count = [], 0
names = list(sys.argv[1:])
for package in PACKAGES if not names else ():
    names.append(package)
    walked = pkgutil.walk_packages(importlib.import_module(package).__path__, package + ".",
                                   onerror=lambda name: failed.append(name))
    names.extend(found.name for found in walked)
for name in names:
    count += 1
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in HIDDEN:
            failed.append(f"{name}: {error}")
        else:
            raise
print(count, "modules")
for line in failed:
    print(line, file=sys.stderr)
sys.exit(1 if failed else 0)
"""


def import_all(*extra: str, path: str | None = None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", HIDE_AND_IMPORT, *extra]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=path)


def test_every_module_imports_without_posix() -> None:
    result = import_all()
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[0]) > 30


def test_a_posix_only_import_would_be_seen(tmp_path) -> None:
    (tmp_path / "posix_only.py").write_text("import termios\n", encoding="utf-8")
    result = import_all("json", "posix_only", path=str(tmp_path))
    assert result.returncode == 1
    assert "posix_only: No module named 'termios'" in result.stderr
