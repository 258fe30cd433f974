"""News for whoever waits: that a job can run now, as a letter and as JSON.

In: an answer with servers that can take the job. Out: a mail and the payload of a webhook, which
`scms.reports.delivery` carries.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

from scms.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.recommend.answer import Candidate, Recommendation
    from scms.settings import MailSettings

#: One address, without a name; nothing that could begin another header.
_ADDRESS: Final = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+")


def check_addresses(to: Sequence[str], settings: MailSettings) -> None:
    """Whether a mail could be sent, asked before anybody waits for it.

    Raises:
        RequestError: An address is none, or ``[mail]`` does not say by whom it is sent.
    """
    for address in to:
        if not _ADDRESS.fullmatch(address):
            raise RequestError(
                f"{address!r} is no mail address", expected="one such as ann@example.org"
            )
    if to and (settings.host is None or settings.sender is None):
        raise RequestError(
            "no mail can be sent: [mail] does not say by which server and from whom",
            expected="host and sender in [mail] of cluster.toml",
        )


def letter(
    answer: Recommendation,
    to: Sequence[str],
    settings: MailSettings,
    *,
    cluster: str,
    held: bool = False,
) -> EmailMessage:
    """A mail that says where a job can run now, why, and what to type.

    Args:
        answer: With a server, or servers together, that can take the job now.
        to: Addresses.
        settings: From whom.
        cluster: Its name, for the subject.
        held: Whether the first choice is held for whoever waits.
    """
    names = " and ".join(_plain(one.server) for one in answer.first)
    has = "has" if len(answer.first) == 1 else "have"
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = f"{cluster}: {names} {has} what you wait for"
    mail["From"] = settings.sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(answer.as_of)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text(answer, held=held))
    identity = hashlib.blake2b(digest_size=16)
    identity.update(repr((answer.as_of, answer.request, names, to)).encode())
    domain = str(settings.sender).rpartition("@")[2].strip("<> ")
    mail["Message-ID"] = f"<scms.{identity.hexdigest()}@{domain or 'localhost'}>"
    return mail


def text(answer: Recommendation, *, held: bool = False) -> str:
    """What the letter says."""
    names = " and ".join(_named(one) for one in answer.first)
    lines = [f"{names} can take {answer.request}, as of {answer.as_of:%H:%M:%S %Z}:"]
    if answer.plans:
        lines += [f"- {reason}" for reason in answer.plans[0].reasons]
    for one in answer.first:
        if answer.plans:
            lines += ["", f"{_named(one)}:"]
        lines += [*(f"- {reason}" for reason in one.reasons), "", one.command]
    others = [candidate.server for candidate in answer.candidates[1:]]
    if others:
        lines += ["", f"So can {', '.join(others)}."]
    claims = [
        f"scms hold {' '.join(map(shlex.quote, (one.server, *one.devices)))}"
        for one in answer.first
        if one.devices
    ]
    if held:
        lines += ["", "It is held for you."]
    elif len(claims) == 1:
        lines += ["", f"Others may be faster. To hold it: {claims[0]}"]
    elif claims:
        lines += ["", "Others may be faster. To hold them:", *claims]
    return "\n".join(lines)


def payload(answer: Recommendation, *, cluster: str, held: bool = False) -> dict[str, Any]:
    """The same for a webhook: ``text``, ``cluster``, ``held``, and the answer as its JSON."""
    told = answer.to_dict()
    request = {name: _json(value) for name, value in told["request"].items()}
    words = {"cluster": cluster, "text": text(answer, held=held), "held": held}
    return words | told | {"request": request}


def _named(candidate: Candidate) -> str:
    return candidate.server + (" (simulated)" if candidate.simulated else "")


def _json(value: object) -> object:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _plain(name: str) -> str:
    """A name for a header, on one line."""
    return " ".join(name.split())
