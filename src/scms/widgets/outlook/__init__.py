"""The outlook page: which servers will be free."""
