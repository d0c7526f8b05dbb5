"""The record of one definition: its versions, kept durably, each published once."""

from temporalio import workflow

from towpath.contracts.core.process import AWAITED_EVENTS
from towpath.contracts.declared.published import DEFINITION, DefinitionRecord, Publication, Publishing, Version
from towpath.temporal.attributes import search_key
from workflows.declared.publications import Publications


@workflow.defn(name=DEFINITION)
class DefinitionWorkflow:
    """One for each id. It lives as long as the definition does, and continues as new when its history grows."""

    @workflow.init
    def __init__(self, record: DefinitionRecord) -> None:
        self._publications = Publications(record)

    @workflow.run
    async def run(self, record: DefinitionRecord) -> None:
        workflow.set_current_details(f"Versions of the definition `{record.id}`: query `versions`.")
        await workflow.wait_condition(lambda: workflow.info().is_continue_as_new_suggested())
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(self._publications.record)

    @workflow.update(name="publish")
    async def publish(self, publication: Publication) -> Publishing:
        """Add a version. Published again unchanged, it is the same version."""
        answer = self._publications.publish(publication)
        if publication.listed:
            names = self._publications.started_by()
            workflow.upsert_search_attributes([search_key(AWAITED_EVENTS).value_set(names)])
        return answer

    @publish.validator
    def _check_publish(self, publication: Publication) -> None:
        self._publications.check(publication)

    @workflow.query(name="versions")
    def versions(self) -> DefinitionRecord:
        """All versions, without their texts."""
        return self._publications.listed()

    @workflow.query(name="version")
    def version(self, wanted: str) -> Version | None:
        """One version with its text; the latest for an empty one."""
        return self._publications.find(wanted)
