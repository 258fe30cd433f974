"""The live page: all servers now."""
