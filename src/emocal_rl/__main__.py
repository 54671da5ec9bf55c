"""``python -m emocal_rl`` is the same as ``emocal-rl``."""

import sys

if __name__ == "__main__":
    # An old Python would stop at a syntax error three imports further on.
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit(f"error: emocal-rl needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable})")
    from emocal_rl.cli import main

    sys.exit(main())
