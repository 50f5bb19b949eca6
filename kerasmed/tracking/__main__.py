"""The process of one tracker: `python -m kerasmed.tracking follow|once KIND RUN TRACKING`, started by our own code."""

import json
import logging
import sys
from pathlib import Path
from typing import cast

from kerasmed.config.run import Tracking
from kerasmed.errors import KerasmedError
from kerasmed.tracking.kinds import Kind
from kerasmed.tracking.tell import follow, tell_once

VERBS = {"follow": follow, "once": tell_once}


def main(words: list[str]) -> int:
    """Follow a run to its end, or tell a tracker once what it lacks; the exit code says whether it knows all."""
    verb, kind, folder, tracking = words
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("kerasmed").setLevel(logging.INFO)
    try:
        VERBS[verb](Path(folder), cast(Kind, kind), Tracking(**json.loads(tracking)))
    except KerasmedError as error:
        logging.getLogger("kerasmed").error("%s", error)  # noqa: TRY400  a line says it all
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
