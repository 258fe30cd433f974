"""History from elsewhere: a long table of server, time, busy and total becomes rollup rows."""

from scms.importing.lay import Imported, import_trace

__all__ = ["Imported", "import_trace"]
