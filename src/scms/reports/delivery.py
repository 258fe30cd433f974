"""Reports that are brought to people: a letter by SMTP, a summary to a webhook.

Secrets come from the environment: ``SCMS_MAIL_PASSWORD`` and ``SCMS_WEBHOOK_TOKEN``. What cannot be
delivered is an error; the files stay where they are, and a second run sends the same letter under
the same identity, so that a mailbox can tell.
"""

from __future__ import annotations

import hashlib
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

from scms.errors import ReportError
from scms.reports.schedule import brief

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scms.reports.schedule import Made
    from scms.settings import MailSettings

PASSWORD: Final = "SCMS_MAIL_PASSWORD"  # noqa: S105  the name of a variable
TOKEN: Final = "SCMS_WEBHOOK_TOKEN"  # noqa: S105  the name of a variable
_SECONDS: Final = 30.0
_KINDS: Final = {
    ".html": ("text", "html"),
    ".pdf": ("application", "pdf"),
    ".xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".csv": ("text", "csv"),
    ".md": ("text", "markdown"),
    ".json": ("application", "json"),
}


def letter(made: Sequence[Made], settings: MailSettings) -> EmailMessage:
    """A mail with the reports in brief and their files attached.

    Raises:
        ReportError: The settings do not say from whom and to whom.
    """
    if settings.sender is None or not settings.to:
        raise ReportError(
            "a report cannot be mailed: [mail] does not say from whom and to whom",
            expected="sender and to in [mail] of cluster.toml",
        )
    first = made[0].report
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = f"{first.name}: {first.period.title}"
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = format_datetime(first.made_at)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join(brief(one.report) for one in made))
    identity = hashlib.blake2b(digest_size=16)
    for one in made:
        identity.update(repr((one.group, one.report.name, one.report.period.label)).encode())
        for path in one.paths:
            main, sub = _KINDS[path.suffix]
            mail.add_attachment(_contents(path), maintype=main, subtype=sub, filename=path.name)
    domain = settings.sender.rpartition("@")[2].strip("<> ")
    mail["Message-ID"] = f"<scms.{identity.hexdigest()}@{domain or 'localhost'}>"
    return mail


def send(
    mail: EmailMessage,
    settings: MailSettings,
    environ: Mapping[str, str],
    *,
    what: str = "report",
    mend: str = "the files are written; run again to send them",
) -> None:
    """Hand a mail to the SMTP server of the settings.

    Args:
        mail: To be sent.
        settings: The server.
        environ: Where the password is.
        what: What the mail is, for errors.
        mend: What to do where it is not taken, likewise.

    Raises:
        ReportError: There is none, or it does not take the mail; the message says why.
    """
    if settings.host is None:
        raise ReportError(
            f"a {what} cannot be mailed: [mail] names no host", expected="an SMTP server"
        )
    where = f"the mail server {settings.host}:{settings.port}"
    try:
        with _connected(settings) as server:
            if settings.user is not None:
                server.login(settings.user, _secret(environ, PASSWORD))
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise ReportError(
            f"{where} does not take the {what}: {said}",
            expected=f"one that speaks SMTP with security {settings.security!r}",
            mend=mend,
        ) from error


def post(
    url: str,
    payload: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    what: str = "summary",
    mend: str = "the files are written; run again to post it",
) -> None:
    """Post a summary as JSON, with the token of the environment, if there is one.

    Args:
        url: Where to.
        payload: What.
        environ: Where the token is.
        what: What it is, for errors.
        mend: What to do where it is not taken, likewise.

    Raises:
        ReportError: It is not taken; redirects count as that, since a POST would become a GET.
    """
    if not url.startswith(("http://", "https://")):
        raise ReportError(f"{url.partition(':')[0]!r} is no webhook", expected="an http(s) URL")
    body = json.dumps(payload, ensure_ascii=False, allow_nan=False).encode("utf-8")
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "scms"}
    if environ.get(TOKEN):
        headers["Authorization"] = f"Bearer {environ[TOKEN]}"
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  checked above
    try:
        with urllib.request.build_opener(_Straight).open(request, timeout=_SECONDS):
            return
    except urllib.error.HTTPError as error:
        said = f"{error.code} {error.reason}"
        error.close()
    except (OSError, ValueError) as error:
        said = " ".join(str(getattr(error, "reason", error)).split())
    raise ReportError(
        f"the webhook at {request.host} does not take the {what}: {said}",
        expected="an answer of 200 to 299",
        mend=mend,
    )


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else than it was told to."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        """Refuse: the answer is then an error like any other."""


def _connected(settings: MailSettings) -> smtplib.SMTP:
    assert settings.host is not None
    context = ssl.create_default_context()
    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=_SECONDS, context=context)
    server = smtplib.SMTP(settings.host, settings.port, timeout=_SECONDS)
    try:
        if settings.security == "starttls":
            server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _secret(environ: Mapping[str, str], name: str) -> str:
    secret = environ.get(name)
    if not secret:
        raise ReportError(
            f"{name} is not set, and [mail] names a user",
            expected="the password in the environment",
        )
    return secret


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}") from error
