"""From a request to ranked servers: request, rank, holds."""
