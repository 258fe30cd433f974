"""Tables of earlier versions of SCMS are brought up to this one; those of later ones are refused.

Input: an Iceberg table and its declaration. Output: the table with every declared column. Only
metadata is written: rows of before have null in a column that came later, and no file changes.
Readers need none of this: they take a column that is not there yet for null, and pass over one that
they do not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.errors import WarehouseError
from scms.warehouse.schema import PROPERTIES, fields

if TYPE_CHECKING:
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.types import NestedField

    from scms.tables import Table

#: The property of a table that says by which version of the schema it was written last.
VERSION: Final = "scms.schema.version"
#: 1: the first release, without the property. 2: what we say, dimensions, histograms. Raise it with
#: a release whose rows an earlier one must not write, because it would leave columns empty.
SCHEMA_VERSION: Final = 2
_TRIES: Final = 10


def properties(table: Table) -> dict[str, str]:
    """The properties of a table of this version."""
    return {**PROPERTIES, "comment": _comment(table), VERSION: str(SCHEMA_VERSION)}


def _comment(table: Table) -> str:
    return f"{table.doc} Grain: {table.grain}."


def version_of(iceberg: IcebergTable) -> int:
    """The version that a table is of."""
    return int(iceberg.properties.get(VERSION, 1))


def upgraded(iceberg: IcebergTable, table: Table) -> IcebergTable:
    """The table with the columns that were declared since it was made, at this version.

    Raises:
        WarehouseError: A later version of SCMS has written it.
    """
    from pyiceberg.exceptions import CommitFailedException

    for attempt in range(1, _TRIES + 1):
        version, added = version_of(iceberg), _missing(iceberg, table)
        if version > SCHEMA_VERSION:
            raise WarehouseError(
                f"{table.name} was written by a newer SCMS (schema {version})",
                expected=f"schema {SCHEMA_VERSION} or an earlier one",
                mend="upgrade this SCMS to write to it; it can be read as it is",
            )
        if version == SCHEMA_VERSION and not added:
            break
        try:
            _upgrade(iceberg, table, added)
        except CommitFailedException:  # another has done it, or committed rows meanwhile
            if attempt == _TRIES:
                raise
            iceberg = iceberg.refresh()
    return iceberg


def _missing(iceberg: IcebergTable, table: Table) -> list[NestedField]:
    known = {field.name for field in iceberg.schema().fields}
    return [field for field in fields(table) if field.name not in known]


def _upgrade(iceberg: IcebergTable, table: Table, added: list[NestedField]) -> None:
    there = {field.name: field.doc for field in iceberg.schema().fields}
    with iceberg.transaction() as transaction:
        with transaction.update_schema() as update:
            for field in added:
                update.add_column(field.name, field.field_type, doc=field.doc)
            for field in fields(table):
                if field.name in there and there[field.name] != field.doc:
                    update.update_column(field.name, doc=field.doc)
        transaction.set_properties(properties(table))
