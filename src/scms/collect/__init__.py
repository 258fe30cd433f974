"""From servers to records: transport, session, supervisor, and a pure parser."""
