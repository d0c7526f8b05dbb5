"""The quality check of content-publishing: code first, then Claude's scores with evidence, then bounded revisions."""

import asyncio

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.prompts import CHECK_QUALITY
from towpath.contracts.publishing.campaign import (
    ChannelQuality,
    ChannelScore,
    ChannelText,
    QualityAnswer,
    TextFinding,
    TextQualityTask,
)
from towpath.policy.core.models import is_claude
from towpath.policy.publishing.scores import channel_quality, score_problems, usable_scores
from workflows.kit.calling import CallFailedError
from workflows.kit.failing import StepFailedError
from workflows.publishing.steps import CHECK, ChannelTexts, PublishingState, Writing, text_of

NO_SCORE = "the quality could not be scored"


class TextQuality:
    """Scores every channel, and has the texts below the threshold written anew, as often as the request allows."""

    def __init__(self, state: PublishingState, writing: Writing) -> None:
        self._state = state
        self._writing = writing
        self._steps = state.steps
        self._calls = 0

    async def run(self) -> None:
        """Raises StepFailedError when the checks in code cannot be made; without Claude's scores a person decides."""
        self._steps.begin(CHECK)
        due, revision = self._written(), 0
        while True:
            findings = await self.find()
            await self._score(due, findings, revision)
            due = [channel for channel in due if self.below(channel)]
            if not due or revision == self._state.request.max_revisions or CHECK in self._state.degraded:
                break
            revision += 1
            await asyncio.gather(
                *(asyncio.ensure_future(self._writing.adapt(channel, _problems(channel))) for channel in due)
            )
        if CHECK not in self._state.degraded:
            note = f"{revision} revisions" if revision else ""
            self._steps.complete(CHECK, attempts=self._steps[CHECK].attempts, note=note)

    async def find(self) -> dict[str, tuple[TextFinding, ...]]:
        """What the checks in code find in every text, by job; texts are compared with each other as well."""
        written = self._written()
        self._calls += 1
        adaptations = tuple(channel.adaptation for channel in written if channel.adaptation is not None)
        try:
            checked = await self._state.check(
                adaptations, (), f"{CHECK}/texts/{self._calls}", "Check numbers, names, quotes, addresses, limits"
            )
        except CallFailedError as error:
            raise self._steps.failed(CHECK, error.failure) from error
        return {channel.job: found.findings for channel, found in zip(written, checked.channels, strict=True)}

    def below(self, channel: ChannelTexts) -> bool:
        quality = channel.quality
        return channel.blocked or quality is None or quality.score < self._state.request.threshold

    def reasons(self) -> tuple[str, ...]:
        """Why a person must approve; empty when nobody must."""
        state = self._state
        models = dict.fromkeys(answer.model for answer in state.answers if not is_claude(answer.model))
        found = [f"texts are from {model!r}, which is no model of Claude's" for model in models]
        found += ["the campaign asks for approval"] if state.metadata.require_approval else []
        found += [NO_SCORE] if CHECK in state.degraded else []
        for channel in self._written():
            found += self._channel_reasons(channel)
        return tuple(found)

    def _channel_reasons(self, channel: ChannelTexts) -> list[str]:
        quality, threshold = channel.quality, self._state.request.threshold
        if quality is None:
            return []
        found = [
            f"{channel.job}: {finding.rule}: {finding.text}; not published unless it is edited"
            for finding in quality.findings
            if finding.blocking
        ]
        found += [
            f"{channel.job}: {finding.rule}: {finding.text}; code cannot decide it"
            for finding in quality.findings
            if finding.doubtful
        ]
        if quality.score < threshold and CHECK not in self._state.degraded:
            found.append(f"{channel.job}: score {quality.score:.2f} is below {threshold:g}")
            found += [f"{channel.job}: {issue}" for issue in quality.issues[:5]]
        return found

    def _written(self) -> list[ChannelTexts]:
        return [channel for channel in self._state.channels.values() if channel.adaptation is not None]

    async def _score(
        self, due: list[ChannelTexts], findings: dict[str, tuple[TextFinding, ...]], revision: int
    ) -> None:
        """Claude scores the channels that are due; the findings in code are taken over for all."""
        texts = {channel.job: text_of(channel.adaptation.posts) for channel in due if channel.adaptation is not None}
        scores = await self._ask(texts)
        for channel in self._written():
            known = channel.quality
            if channel.job in texts or known is None:
                channel.quality = _quality(channel, findings[channel.job], scores.get(channel.job), revision)
            else:
                channel.quality = known.model_copy(update={"findings": findings[channel.job]})

    async def _ask(self, texts: dict[str, str]) -> dict[str, ChannelScore]:
        state, answers = self._state, list[QualityAnswer]()
        task = TextQualityTask(
            source=state.campaign.excerpt,
            key_messages=() if state.analysis is None else tuple(state.analysis.key_messages),
            texts=tuple(ChannelText(channel=job, text=text) for job, text in texts.items()),
        )

        def breaches(answer: QualityAnswer) -> tuple[str, ...]:
            answers.append(answer)
            return score_problems(answer, texts)

        try:
            asked = await state.asker.ask(CHECK, CHECK_QUALITY, task, breaches)
        except StepFailedError as error:
            scores = usable_scores(answers[-1], texts) if answers else {}
            if error.failure.code is not FailureCode.CLAUDE_OUTPUT_INVALID or set(scores) != set(texts):
                state.degrade(CHECK, f"no scores ({error.failure.code}): a person decides")
                return {}
            return scores
        finally:
            provenance = self._steps[CHECK].provenance
            if provenance is not None:
                state.answers.append(provenance)
        return usable_scores(asked.output, texts)


def _quality(
    channel: ChannelTexts, findings: tuple[TextFinding, ...], score: ChannelScore | None, revision: int
) -> ChannelQuality:
    return ChannelQuality(
        channel=channel.wish.channel,
        account=channel.wish.account,
        score=channel_quality(findings, score),
        findings=findings,
        issues=() if score is None else tuple(score.issues),
        evidence=() if score is None else tuple(score.evidence),
        revisions=revision,
    )


def _problems(channel: ChannelTexts) -> tuple[str, ...]:
    """What a revision is to put right, in sentences."""
    quality = channel.quality
    if quality is None:
        return ()
    return (*(f"{finding.rule}: {finding.text}" for finding in quality.findings), *quality.issues)
