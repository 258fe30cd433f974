"""A REST catalog that is not waited for without end.

pyiceberg sets no time limits on its requests: a catalog that accepts a connection and stays silent
would stop the flush for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.catalog.rest import RestCatalog
from requests.adapters import HTTPAdapter

from scms.warehouse.reach import ANSWER_SECONDS, CONNECT_SECONDS

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session


class _PatientAdapter(HTTPAdapter):
    """Waits so long and no longer."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send a request with limits of time, where it has none."""
        if options.get("timeout") is None:
            options["timeout"] = (CONNECT_SECONDS, ANSWER_SECONDS)
        return super().send(request, *args, **options)


class PatientRestCatalog(RestCatalog):
    """A REST catalog whose requests end."""

    def _create_session(self) -> Session:
        session = super()._create_session()
        for prefix in ("http://", "https://"):
            session.mount(prefix, _PatientAdapter())
        return session
