"""Invented people and companies are found; ordinary texts in English and Korean raise no alarm."""

import pytest

from towpath.policy.publishing.names import name_findings

SOURCE = """# Durable execution at Hanbit
Hanbit moved its order process to Temporal in 2024. "We lost no order since," says Ji-woo Kim, CTO of Hanbit.
The team around Maria Lopez measured it with PostgreSQL.
김지우 대표는 한빛소프트㈜의 사례를 소개했다. Ask @hanbit_dev."""


@pytest.mark.parametrize(
    "text",
    [
        "Durable execution saved Hanbit's orders. Here's how their team did it. 🧵",
        "Ji-woo Kim, CTO of Hanbit, says no order was lost. Kim and Lopez agree.",
        "How To Never Lose An Order Again: Lessons From Hanbit",
        "How Hanbit Keeps Its Orders Safe with Temporal",
        "Why does it matter? Because orders are money. Read More: https://towpath.example/Acme/Stripe",
        "1. First, keep state\n2. Then, retry\n- Measure it\n• Ship it\n→ Repeat",
        "What Maria Lopez learned: (Spoiler) it works. “Always measure,” she says. NEVER skip it. I'm sure.",
        "Then Maria Lopez said more. Yesterday Kim said nothing.",
        "In March, on a Friday, the English docs came. 💡 Save this thread! #NewStuff #ByStripe",
        "Ready to try it? 👉 Start here. Questions? Ask @hanbit_dev or mail me@Acme.com",
        "The Kims of this world know it. PostgreSQL's locks are enough – Really.",
        "김지우 대표가 말했다. 한빛소프트㈜와 함께 Temporal로 옮겼다. PostgreSQL을 쓴다.",
        "고객사 대표와 한국어 교수, 안전팀 팀장, 유명한 감독에게 물었다. 정책의 대표적인 예다.",
        "서비스 장애에도 주문은 사라지지 않습니다. 팀장님께 공유해 보세요. 오늘의 핵심 요약입니다.",
        "이번주 사장단 회의에서 정부 장관은 예산을 말했다. 주요 감독 기관의 발표.",
    ],
)
def test_ordinary_text_raises_no_alarm(text: str) -> None:
    """Sentence starts, headings, lists, days, emphasis and Korean common words are no names."""
    assert name_findings([text], [SOURCE]) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("Sarah Connor said it works.", ["Sarah Connor"], id="who-said"),
        pytest.param("According to Jane Doe it works.", ["Jane Doe"], id="according-to"),
        pytest.param("As Dr. Müller knows, it works.", ["Müller"], id="doctor"),
        pytest.param("Anna Berg, CEO of Hanbit, knows.", ["Anna Berg"], id="role"),
        pytest.param("Built by Rocket Labs Inc. for you", ["Rocket Labs"], id="legal-form"),
        pytest.param("Die Nordwind GmbH nutzt es", ["Die Nordwind"], id="german-legal-form"),
        pytest.param("Ludwig van Beethoven says so", ["Ludwig van Beethoven"], id="particle-in-a-name"),
        pytest.param("Ask @sama about it", ["@sama"], id="mention"),
        pytest.param("@workflow 데코레이터를 씁니다", ["@workflow"], id="mention-in-korean"),
        pytest.param("박서준 대표가 말했다.", ["박서준"], id="korean-person"),
        pytest.param("최민수 교수님께 여쭤보니", ["최민수"], id="korean-professor"),
        pytest.param("주식회사 가나다라와 함께", ["가나다라"], id="korean-company-before"),
        pytest.param("나라소프트㈜의 사례", ["나라소프트"], id="korean-company-after"),
    ],
)
def test_invented_person_or_company_blocks(text: str, names: list[str]) -> None:
    """In the forms that leave little doubt."""
    found = [finding for finding in name_findings([text], [SOURCE]) if finding.blocking]

    assert [finding.text for finding in found] == [f"{name!r} does not stand in the source" for name in names]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("It works at Stripe and at Datadog too.", ["Stripe", "Datadog"], id="within-a-sentence"),
        pytest.param("한빛은 Stripe와 함께 쓴다.", ["Stripe"], id="latin-in-korean"),
        pytest.param("Stripe를 쓰는 팀도 있습니다.", ["Stripe"], id="latin-first-in-korean"),
        pytest.param("We run MariaDB now.", ["MariaDB"], id="camel-case"),
    ],
)
def test_other_names_lower_the_score(text: str, names: list[str]) -> None:
    """They may be products that everybody knows, so they do not block."""
    found = name_findings([text], [SOURCE])

    assert [finding.text for finding in found] == [f"{name!r} does not stand in the source" for name in names]
    assert not any(finding.blocking for finding in found)


def test_name_is_found_once() -> None:
    """Also when several posts say it, and not again as a plain word."""
    found = name_findings(["Sarah Connor said so.", "Then Sarah Connor said more, and Connor left."], [SOURCE])

    assert len(found) == 1
