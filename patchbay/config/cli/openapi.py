"""`patchbay openapi`: the document that describes every operation under /v1."""

import argparse
import json
from pathlib import Path


def run(arguments: argparse.Namespace) -> int:
    from patchbay.config.cli.boot import boot

    boot()
    from patchbay.site.openapi import document

    text = json.dumps(document(), indent=2, ensure_ascii=False)
    if arguments.out:
        Path(arguments.out).write_text(text + "\n")
    else:
        print(text)
    return 0
