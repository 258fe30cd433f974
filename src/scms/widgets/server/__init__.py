"""The page of one server."""
