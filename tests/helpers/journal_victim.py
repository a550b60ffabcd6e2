"""A program that writes a journal and says what was acknowledged, until it is killed."""

import sys
from pathlib import Path

from helpers import journals


def main(folder: Path) -> None:
    target = journals.create(folder)
    written = 0
    while True:
        for rows, events in journals.units(1, per_step=50):
            target.write(rows, events, checkpoint=str(written))
            written += len(rows)
            if rows and written % 25 == 0:
                target.commit().result()
                print(written, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
