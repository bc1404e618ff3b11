"""``python -m homefeed``."""

from homefeed.cli import main

if __name__ == "__main__":
    main()
