"""The reviewers file: which people may decide for which team, in which roles."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.review import Reviewer, Reviewers
from towpath.engine.language.mistakes import doubled, mistakes


class ReviewersFileError(Exception):
    """The file cannot be used; the text has one line for each problem, with its place."""


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    reviewer: str = Field(min_length=1, max_length=100)
    roles: tuple[str, ...] = Field(min_length=1)


class _Team(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    roles: tuple[str, ...] = Field(min_length=1)
    members: tuple[_Member, ...] = Field(min_length=1)


class _Directory(RootModel[dict[str, _Team]]):
    """Team name to team."""


class ReviewerDirectory:
    """Read once at start; a changed file needs a restart of the worker."""

    def __init__(self, teams: dict[str, _Team]) -> None:
        self._teams = teams

    @classmethod
    def load(cls, path: Path) -> "ReviewerDirectory":
        """Raises ReviewersFileError."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ReviewersFileError(f"{path}: cannot be read ({error.strerror})") from error
        if found := doubled(content):
            raise ReviewersFileError("\n".join(f"{path}: {line}" for line in found))
        try:
            return cls(_Directory.model_validate_json(content).root)
        except ValidationError as error:
            lines = mistakes(error, {**_Team.model_fields, **_Member.model_fields})
            raise ReviewersFileError("\n".join(f"{path}: {line}" for line in lines)) from None

    def teams(self) -> list[str]:
        return sorted(self._teams)

    def deciders(self) -> dict[str, frozenset[str]]:
        """People who may decide, by team."""
        teams = [self.team(name) for name in self._teams]
        return {
            team.team: frozenset(one.reviewer for one in team.members if team.role_of(one.reviewer) is not None)
            for team in teams
        }

    def team(self, name: str) -> Reviewers:
        """Raises HouseError: a team that the file does not name has nobody who may decide."""
        team = self._teams.get(name)
        if team is None:
            raise HouseError(
                FailureCode.REVIEW_UNKNOWN_REVIEWER,
                f"team {name!r} is not in the reviewers file",
                evidence={"team": name},
            )
        members = tuple(Reviewer(reviewer=member.reviewer, roles=member.roles) for member in team.members)
        return Reviewers(team=name, roles=team.roles, members=members)
