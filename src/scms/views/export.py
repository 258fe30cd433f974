"""The rows of a relation as a file: Parquet or CSV.

Written beside its place and then renamed, so that a file is whole or not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scms.errors import QueryError

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation


def write(relation: DuckDBPyRelation, path: str | Path) -> int:
    """Write a relation, in little memory however many rows it has; the number of rows.

    Raises:
        QueryError: The suffix is none of these, the query fails, or the file cannot be written.
    """
    import duckdb

    target = Path(path)
    beside = target.with_name(f".{target.name}.part")
    try:
        if target.suffix == ".parquet":
            relation.write_parquet(str(beside), compression="zstd")
            count = duckdb.read_parquet(str(beside)).count("*").fetchall()
        elif target.suffix == ".csv":
            relation.write_csv(str(beside), header=True)
            count = (
                duckdb.read_csv(str(beside), header=True, all_varchar=True).count("*").fetchall()
            )
        else:
            raise QueryError(
                f"{target} ends in {target.suffix!r}",
                expected="a file that ends in .parquet or .csv",
            )
        beside.replace(target)
    except (duckdb.Error, OSError) as error:
        beside.unlink(missing_ok=True)
        reason = str(error).strip().partition("\n")[0]
        raise QueryError(f"{target} cannot be written: {reason}") from error
    return int(count[0][0])
