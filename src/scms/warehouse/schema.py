"""Iceberg schemas, partitions and properties, made from the declared tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyiceberg.partitioning import (
    UNPARTITIONED_PARTITION_SPEC,
    PartitionField,
    PartitionSpec,
)
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import DayTransform, IdentityTransform, MonthTransform, Transform
from pyiceberg.types import (
    BooleanType,
    DoubleType,
    IcebergType,
    ListType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

if TYPE_CHECKING:
    from scms.tables import Table

_TYPES: Final[dict[str, IcebergType]] = {
    "string": StringType(),
    "timestamp": TimestamptzType(),
    "float": DoubleType(),
    "integer": LongType(),
    "boolean": BooleanType(),
}
_ELEMENTS: Final[dict[str, IcebergType]] = {"floats": DoubleType(), "texts": StringType()}
#: Elements of lists need numbers of their own; Iceberg gives others when a table is made.
_FIRST_ELEMENT: Final = 1000
_TRANSFORMS: Final[dict[str, Transform[Any, int]]] = {
    "day": DayTransform(),
    "month": MonthTransform(),
}
#: Without these, a commit every ten minutes grows metadata without bound, and collectors that
#: commit at the same moment give up.
PROPERTIES: Final = {
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "30",
    "commit.retry.num-retries": "20",
    "commit.retry.min-wait-ms": "20",
    "commit.retry.max-wait-ms": "2000",
}


def fields(table: Table) -> tuple[NestedField, ...]:
    """The columns as Iceberg fields; the field id is the position, counted from 1.

    In a table that got columns with lists later the ids are others: go by the table's own schema.
    """
    return tuple(
        NestedField(
            field_id=position,
            name=column.name,
            field_type=_type(column.type, position),
            required=column.required,
            doc=column.doc,
        )
        for position, column in enumerate(table.columns, start=1)
    )


def _type(name: str, position: int) -> IcebergType:
    if name in _TYPES:
        return _TYPES[name]
    return ListType(_FIRST_ELEMENT + position, _ELEMENTS[name], element_required=False)


def iceberg_schema(table: Table) -> Schema:
    """The columns of a table as an Iceberg schema."""
    return Schema(*fields(table))


def partition_spec(table: Table) -> PartitionSpec:
    """Partitioned by day or month of the time column; not at all where the table is small."""
    if table.partition is None:
        return UNPARTITIONED_PARTITION_SPEC
    source = iceberg_schema(table).find_field(table.time).field_id
    name = f"{table.time}_{table.partition}"
    return PartitionSpec(PartitionField(source, 1000, _TRANSFORMS[table.partition], name))


def sort_order(table: Table) -> SortOrder:
    """The order of the rows in a file, for engines that write too."""
    schema = iceberg_schema(table)
    return SortOrder(
        *(
            SortField(
                schema.find_field(name).field_id,
                transform=IdentityTransform(),
                direction=SortDirection.ASC,
                null_order=NullOrder.NULLS_LAST,
            )
            for name in table.sort
        )
    )
