"""BDF files of a run, CSV and Parquet; each is read back and checked by our own validator."""

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from labctl.export.columns import COLUMNS, Value, bdf_rows
from labctl.export.files import safe_text, target, written_whole
from labctl.export.strict import Finding, validate
from labctl.journal import Reader

ROW_GROUP = 65_536


class Exported(NamedTuple):
    """A written file and what the validator found wrong with it (nothing, or the data is odd).

    The file is there in either case: data is never withheld from its owner.
    """

    path: Path
    findings: list[Finding]


def export_bdf_csv(run: Path, path: Path | None = None) -> Exported:
    """Write a run's readings as BDF CSV, by default into its folder; a folder gets a proper name.

    Raises JournalError, OSError.
    """
    with Reader(run) as reader:
        manifest = reader.manifest()
        file = target(run, manifest, ".bdf.csv", path)
        with written_whole(file) as temporary:
            with temporary.open("w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out, lineterminator="\n")
                writer.writerow(COLUMNS)
                # The writer gives floats their shortest exact form: nothing is rounded.
                writer.writerows(_safe(bdf_rows(reader, bool(manifest["simulated"]))))
    return Exported(file, validate(file))


def export_bdf_parquet(run: Path, path: Path | None = None) -> Exported:
    """Write a run's readings as BDF Parquet, with the manifest in the file's metadata.

    Raises JournalError, OSError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with Reader(run) as reader:
        manifest = reader.manifest()
        simulated = bool(manifest["simulated"])
        file = target(run, manifest, ".bdf.parquet", path)
        schema = _arrow_schema(pa, json.dumps(manifest), simulated)
        rows = _safe(bdf_rows(reader, simulated))
        with written_whole(file) as temporary:
            with pq.ParquetWriter(temporary, schema, compression="zstd") as out:
                while group := list(islice(rows, ROW_GROUP)):
                    columns = [
                        pa.array(values, type=column.type)
                        for values, column in zip(zip(*group, strict=True), schema, strict=True)
                    ]
                    out.write_table(pa.Table.from_arrays(columns, schema=schema))
    return Exported(file, validate(file))


def _arrow_schema(pa: Any, manifest: str, simulated: bool) -> Any:  # noqa: ANN401  # pyarrow is untyped
    types = {"number": pa.float64(), "counter": pa.int64(), "text": pa.string()}
    metadata = {"labctl.simulated": str(simulated).lower(), "labctl.manifest": manifest}
    return pa.schema([(label, types[kind]) for label, kind in COLUMNS.items()], metadata=metadata)


def _safe(rows: Iterator[tuple[Value, ...]]) -> Iterator[tuple[Value, ...]]:
    for row in rows:
        yield tuple(safe_text(value) if isinstance(value, str) else value for value in row)
