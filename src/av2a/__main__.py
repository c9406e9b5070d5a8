"""``python -m av2a``: the command."""

from av2a.cli import main

if __name__ == "__main__":
    main()
