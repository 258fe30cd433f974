"""The reports page: use in a period, made in a process of its own."""
