"""Bokeh figures of use: tables of `scms.reports` in, figures out. No input or output happens here.

bars.py (hours over time and by anything), heat.py (servers × time), grid.py (every GPU hour by
hour, with its user), curves.py (Lorenz, change), steps.py and went.py (waterfalls), metric.py (bars
of any metric), words.py (what they show, in sentences), style.py (the look they share), and
gallery.py, which has all of those that a report has rows for.
"""

from scms.reports.charts.bars import drawable, key_labels, resource, usage_by, usage_over_time
from scms.reports.charts.gallery import Picture, gallery
from scms.reports.charts.metric import metric_by

__all__ = [
    "Picture",
    "drawable",
    "gallery",
    "key_labels",
    "metric_by",
    "resource",
    "usage_by",
    "usage_over_time",
]
