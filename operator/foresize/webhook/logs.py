"""Log lines as the operator writes them: plain, or JSON with the same keys."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

FORMATS = ("plain", "json")
PLAIN = "%(asctime)s %(levelname)s %(message)s"


class JsonLines(logging.Formatter):
    """One object a line: message, severity, timestamp."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as a line."""
        line = {
            "message": super().format(record),
            "severity": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        return json.dumps(line)


def configure(log_format: str, level: str) -> None:
    """Write to standard error, from a level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format == "json" else logging.Formatter(PLAIN))
    logging.basicConfig(level=level.upper(), handlers=[handler])
