"""Every mail is written, checked and sent in one place: each way around it is planted, and found."""

from pathlib import Path

import pytest

from tests.house.mails import PLACE, mailing

ROOT = Path(__file__).resolve().parents[2]
PLANTED = (
    "import aiosmtplib",
    "from aiosmtplib import send",
    "import smtplib",
    "from smtplib import SMTP_SSL as Door",
    "def f() -> object:\n    import smtplib\n\n    return smtplib.SMTP('mail.example')",
    "from email.message import EmailMessage",
    "from email import message",
    "import email.mime.text",
    "from email.mime.multipart import MIMEMultipart",
    "import email",
    "from email.generator import BytesGenerator",
    "from importlib import import_module\n\nDOOR = import_module('smtplib')",
    "DOOR = __import__('aiosmtplib')",
)
OURS = ("from email.utils import parsedate_to_datetime", "import email.utils", "from towpath.cli import mailing")


def test_mails_are_written_and_sent_in_one_place() -> None:
    """Nothing else builds a message or talks to a mail server."""
    assert (ROOT / PLACE).exists()
    assert mailing(ROOT) == []


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("room", ["towpath/control", "towpath/integrations/channels", "activities", "workflows/kit"])
def test_planted_mail_is_found(text: str, room: str, tmp_path: Path) -> None:
    """Whatever its spelling, and wherever it stands."""
    (tmp_path / room).mkdir(parents=True)
    (tmp_path / room / "planted.py").write_text(text)
    assert mailing(tmp_path)


@pytest.mark.parametrize("text", OURS)
def test_dates_are_no_mail(text: str, tmp_path: Path) -> None:
    """HTTP's dates are read by the same package."""
    (tmp_path / "ours.py").write_text(text)
    assert mailing(tmp_path) == []
