"""The log file of one attempt at a run: what emocal-rl and its libraries say, without the terminal's bars."""

import logging
import sys
from pathlib import Path

from emocal_rl import files

_LOGGERS = ("", "transformers")  # transformers keeps its messages from the root logger


class AttemptLog(logging.FileHandler):
    """`folder`/attempt-N.log, from now to `close`; N counts on from the logs that are there.

    It ends the run when the disk is full, where logging would print a traceback and go on.

    path: the file.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"attempt-{len(list(folder.glob('attempt-*.log'))) + 1}.log"
        with files.writing(self.path):
            folder.mkdir(exist_ok=True)
            super().__init__(self.path, encoding="utf-8")
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger("emocal_rl").setLevel(logging.INFO)
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(self)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Raise `UserError` where the disk is full."""
        full = files.disk_full(sys.exc_info()[1], self.path)
        if full is not None:
            raise full
        super().handleError(record)

    def close(self) -> None:
        """Hear no more."""
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self)
        super().close()
