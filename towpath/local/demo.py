"""The demo: three customers onboarded on the local stack, each a different way, and what a person does about it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from rich.console import Console
from rich.table import Table
from temporalio.client import Client, WorkflowHandle

from towpath.clients import deadletters, reviews
from towpath.clients.temporal import start
from towpath.contracts.onboarding import Customer, Language, OnboardingRequest, OnboardingResult, Plan
from towpath.contracts.process import ONBOARDING
from towpath.contracts.review import Decision, Verdict
from towpath.contracts.run import RunRecord
from towpath.local.stack import LocalStack
from towpath.local.view import RunView, Watched, cost_text

POLL_SECONDS = 0.25
STORY_SECONDS = 50
REVIEWER = "dana"


@dataclass(frozen=True, slots=True)
class Story:
    """One customer of the demo, and the panel that shows the run."""

    customer: Customer
    watched: Watched
    point: str
