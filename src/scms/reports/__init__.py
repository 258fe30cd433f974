"""From views to reports: how a cluster was used in a period, as tables and as a document.

    period.py ─► metrics.py ─► findings.py ─► build.py ─► document.py ─► page.py, plain.py
    text to      SQL and       sentences      puts it     the report     HTML; Markdown, CSV,
    bounds       ratios                       together                   JSON

charts.py draws the tables (widgets use it too), present.py says how a number reads.
"""
