"""The small release of the serving tests, behind the API."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "serving"))
