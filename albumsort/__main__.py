"""The entry point of the program: albumsort, or python -m albumsort."""

import os
import sys


def main() -> None:
    """Run the command line; errors during import or parsing also end without a traceback."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: SIM115 (as long as the program runs)
    try:
        from .cli.app import app

        try:
            app(prog_name="albumsort")
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as e:  # from the output, for example on a full disk; a reader that closes the pipe is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(e, BrokenPipeError):
            print(f"albumsort: {e.strerror or e}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main()
