"""`python -m patchbay.config.cli`: the command line without its installed script."""

import sys

from patchbay.config.cli import main

sys.exit(main())
