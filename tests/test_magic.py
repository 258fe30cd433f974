"""%sql and %%sql in a real shell of IPython."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scms.cluster import Cluster
from warehouse.made import DAY, Place, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the extension and a lab of two samples, one of which is committed."""
    from IPython.testing.globalipapp import start_ipython

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    place = Place(tmp_path)
    place.hot.append([record(DAY, "gpu01")])
    place.warehouse.flush(place.hot)
    place.hot.append([record(DAY + timedelta(minutes=1), "gpu02")])
    made = start_ipython() or get_shell()
    made.user_ns["lab"] = Cluster(place.inventory)
    made.run_line_magic("load_ext", "scms")
    yield made
    made.run_line_magic("reset", "-f")


def get_shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()


def test_a_line(shell: InteractiveShell) -> None:
    shell.run_cell("found = %sql SELECT server FROM server_sample ORDER BY server")
    assert shell.user_ns["found"]["server"].tolist() == ["gpu01", "gpu02"]


def test_values_are_variables_and_never_text(shell: InteractiveShell) -> None:
    shell.user_ns["name"] = "gpu02' OR 'a' = 'a"
    shell.run_cell("found = %sql SELECT count(*) AS n FROM server_sample WHERE server = $name")
    assert shell.user_ns["found"]["n"].tolist() == [0]


def test_a_cell_as_of_a_moment(shell: InteractiveShell) -> None:
    shell.user_ns["since"] = DAY
    query = "SELECT count(*) AS n\nFROM server_sample -- $not_a_value\nWHERE sampled_at >= $since"
    now = shell.run_cell_magic("sql", "", query)
    moment = datetime.now(UTC).isoformat()
    then = shell.run_cell_magic("sql", f"--lab lab --as-of '{moment}'", query)
    assert (now["n"][0], then["n"][0]) == (2, 1)


@pytest.mark.parametrize(
    ("line", "query", "message"),
    [
        ("", "SELECT nonsense FROM server_sample", "nonsense"),
        ("", "SELECT $missing", "a variable missing in the notebook"),
        ("--lab since", "SELECT 1", "since is no cluster"),
        ("--nowhere", "SELECT 1", "unrecognized arguments: --nowhere"),
        ("--as-of yesterdayish", "SELECT 1", "is no moment"),
    ],
)
def test_a_mistake_is_one_line(
    shell: InteractiveShell, line: str, query: str, message: str
) -> None:
    from IPython.core.error import UsageError

    with pytest.raises(UsageError, match=message):
        shell.run_cell_magic("sql", line, query)
