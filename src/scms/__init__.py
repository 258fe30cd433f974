"""SCMS."""
