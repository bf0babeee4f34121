"""``python -m gated`` is the same door as the ``gated`` command."""

import sys

from gated.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
