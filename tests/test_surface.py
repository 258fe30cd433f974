from __future__ import annotations

import subprocess
import sys

import scms
from scms import errors


def test_every_public_name_resolves_and_nothing_else_is_public():
    assert len(scms.__all__) <= 20
    assert dir(scms) == sorted(scms.__all__)
    for name in scms.__all__:
        assert getattr(scms, name) is not None


def test_importing_scms_imports_no_heavy_library():
    heavy = "pandas numpy duckdb pyiceberg pyarrow statsmodels fabric paramiko bokeh ipywidgets"
    code = f"import sys, scms; print([m for m in {heavy.split()!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_tree_at_the_head_of_the_errors_module_draws_every_error():
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    drawn = errors.__doc__ or ""
    assert [c.__name__ for c in classes if c.__name__ not in drawn] == []


def test_a_message_says_what_was_got_what_was_expected_and_what_to_do():
    error = scms.ScmsError("got this", expected="that", mend="run: scms doctor")
    assert str(error) == "got this; expected that; run: scms doctor"
