"""From views to reports: how a cluster was used in a period, as tables and as a document.

    period.py ─► metrics.py ─► findings.py ─► document.py ─► page.py, plain.py
    text to      SQL and       sentences      the report     HTML; Markdown, CSV, JSON
    bounds       ratios

charts.py draws the tables (widgets use it too), present.py says how a number reads.
"""
