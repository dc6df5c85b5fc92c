"""The program's entry: albumsort, or python -m albumsort."""

import os
import sys


def main() -> None:
    """Run the command line; what goes wrong while it is loaded or parsed ends as quietly as in a command."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # closed by whoever started this: nobody says or hears anything there
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: SIM115 (as long as the program runs)
    try:
        from .cli.app import app

        try:
            app(prog_name="albumsort")
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as e:  # of the output, as on a full disk; a reader who has seen enough is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(e, BrokenPipeError):
            print(f"albumsort: {e.strerror or e}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main()
