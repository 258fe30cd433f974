"""The finder: which server to use for a job."""
