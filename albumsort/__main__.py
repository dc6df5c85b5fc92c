"""The program's entry: albumsort, or python -m albumsort."""

import sys


def main() -> None:
    """Run the command line; a Ctrl-C while it is still being loaded ends it as quietly as a later one."""
    try:
        from .cli import app

        app(prog_name="albumsort")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
