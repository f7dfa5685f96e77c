"""`patchbay openapi`: the document that describes every operation under /v1."""

import argparse
import json
import sys
from pathlib import Path


def run(arguments: argparse.Namespace) -> int:
    from patchbay.config.cli.boot import boot

    boot()
    from patchbay.site.openapi import document

    text = json.dumps(document(), indent=2, ensure_ascii=False)
    if arguments.out:
        try:
            Path(arguments.out).write_text(text + "\n")
        except OSError as error:
            print(
                f"patchbay openapi: {arguments.out}: {error.strerror}; name a file that can be written", file=sys.stderr
            )
            return 1
    else:
        print(text)
    return 0
