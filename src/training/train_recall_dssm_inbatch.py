"""`homefeed train recall --objective inbatch`, by the contract's path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from homefeed.cli import run_command, train_recall

if __name__ == "__main__":
    run_command(train_recall, ["--objective", "inbatch"])
