"""From views to reports: period, metrics, document."""
