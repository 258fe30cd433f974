"""From a request to ranked servers.

``request`` is what a job needs, ``conditions`` why a server cannot take it, ``score`` how good one
is that can, ``rank`` the whole, ``spread`` the same for a job that several servers take together,
``answer`` what comes out, and ``holds`` the short claims that keep two people from being sent to
the same devices.
"""
