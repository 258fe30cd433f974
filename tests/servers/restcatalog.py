"""An Iceberg REST catalog: the part of the protocol that SCMS uses, over pyiceberg's SQL catalog.

with rest_catalog(folder, token="secret") as url: ...
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from pyiceberg.catalog.rest import CreateTableRequest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.table import CommitTableRequest, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_STATUS = {
    NoSuchNamespaceError: 404,
    NoSuchTableError: 404,
    NamespaceAlreadyExistsError: 409,
    TableAlreadyExistsError: 409,
    CommitFailedException: 409,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    catalog: SqlCatalog
    token: str | None

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.token is not None and self.headers.get("Authorization") != f"Bearer {self.token}":
            self._answer(401, _error("Unauthorized", 401))
            return
        try:
            self._answer(200, self._found(self.path.partition("?")[0].split("/")[2:], body))
        except tuple(_STATUS) as error:
            status = _STATUS[type(error)]
            self._answer(status, _error(type(error).__name__, status, str(error)))

    def _found(self, path: list[str], body: bytes) -> Any:
        catalog = self.catalog
        if path == ["config"]:
            return {"defaults": {}, "overrides": {}}
        if path == ["namespaces"]:
            asked = json.loads(body)
            catalog.create_namespace(tuple(asked["namespace"]), asked["properties"])
            return asked
        namespace, rest = path[1], path[2:]
        if not rest:
            properties = catalog.load_namespace_properties(namespace)
            return {"namespace": [namespace], "properties": properties}
        if rest == ["tables"]:
            asked = {"location": None, "partition-spec": None, "write-order": None}
            asked |= json.loads(body)
            return _described(self._made(namespace, CreateTableRequest.model_validate(asked)))
        table = catalog.load_table((namespace, rest[1]))
        if self.command == "POST":
            request = CommitTableRequest.model_validate_json(body)
            done = catalog.commit_table(table, request.requirements, request.updates)
            return json.loads(done.model_dump_json())
        return _described(table)

    def _made(self, namespace: str, asked: CreateTableRequest) -> Table:
        given: dict[str, Any] = {"schema": asked.table_schema, "properties": asked.properties}
        if asked.partition_spec is not None:
            given["partition_spec"] = asked.partition_spec
        if asked.write_order is not None:
            given["sort_order"] = asked.write_order
        return self.catalog.create_table((namespace, asked.name), **given)

    def _answer(self, status: int, document: Any) -> None:
        data = b"" if self.command == "HEAD" else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _described(table: Table) -> dict[str, Any]:
    return {
        "metadata-location": table.metadata_location,
        "metadata": json.loads(table.metadata.model_dump_json()),
        "config": {},
    }


def _error(kind: str, status: int, message: str = "") -> dict[str, Any]:
    return {"error": {"message": message or kind, "type": kind, "code": status}}


@contextmanager
def rest_catalog(
    folder: Path,
    *,
    location: str | None = None,
    token: str | None = None,
    properties: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Serve a catalog in a folder; its URL.

    Args:
        folder: Where its database is.
        location: Where tables go, by default the folder too.
        token: What clients must show.
        properties: How it reaches the files, as pyiceberg takes them.
    """
    files = f"file://{folder}/files" if location is None else location
    catalog = SqlCatalog(
        "served",
        uri=f"sqlite:///{folder}/served.db?timeout=30",
        warehouse=files,
        **(properties or {}),
    )
    handler = type("Handler", (_Handler,), {"catalog": catalog, "token": token})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join(10)
        catalog.close()
