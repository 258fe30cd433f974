"""The scorecard page: what was promised against what came."""
