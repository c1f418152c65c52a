"""Simulated people for the groups in house: they think, ask, resolve, hand on and give back, and write down what they found.

python examples/staff.py --bus URL --group l1/service-desk --group l2/workplace --group l3/platform

The groups stand from the lowest tier to the highest. What a category swarms or carries through they do so; with
--supplier l1/printer/l4 those of l1 hand printers straight to the supplier. Each other decision depends on the seed and the assignment alone, so
that work which is begun again after a crash goes the same way.
"""

import argparse
import asyncio
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, Unpack

from tierdesk_bus import connect
from tierdesk_contracts.knowledge import ArticleDraft
from tierdesk_contracts.vocabulary import Mode, RejectReason, Role
from tierdesk_contracts.work import WorkOffered
from tierdesk_tier import Job, Options, TierConsumer, until_stopped


class Facts(TypedDict):
    """What somebody who is asked can tell besides how soon it is needed."""

    location: str
    contact: str
    affected: str
    department: str


PEOPLE = ("Amara", "Bjarne", "Chiyo", "Dario", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jamal", "Katya", "Liam")
PEOPLE_PER_GROUP = 3
THINKING_SECONDS = (0.5, 3.0)
PATIENCE_SECONDS = 15.0
CHECKS = (
    "Restarted the program",
    "Looked through the event log",
    "Signed in with another account",
    "Swapped the cable",
)
FACTS: Facts = {
    "location": "Building A, second floor",
    "contact": "extension 4711",
    "affected": "One team cannot work",
    "department": "operations",
}
"""What people answer who are asked for the facts of an incident description."""
ANSWERS = {"contributed", "declined", "not_accepted"}
"""The words that end a contribution."""
FIXES = ("Reinstalled the driver", "Corrected the setting", "Freed disk space", "Renewed the certificate")
CAUSES = ("An update had reset it", "The setting was never made", "The disk was full", "The certificate had expired")


@dataclass(frozen=True)
class Team:
    """A group, and where its people can hand work on to."""

    tier: str
    group: str
    people: tuple[str, ...]
    next_tier: str | None
    experts: tuple[str, ...]
    colleagues: tuple[str, ...]
    suppliers: Mapping[str, str]
    """The tier to which work of a category goes from here at once."""
    seed: int
    speed: float

    def choose(self, offer: WorkOffered) -> str:
        """Who of the team takes it."""
        return self.people[offer.assignment_id.int % len(self.people)]

    async def work(self, job: Job) -> None:
        """Look into it, then solve it or let others have it."""
        chance = random.Random(f"{self.seed} {job.assignment_id}")
        await self.think(chance)
        check = chance.choice(CHECKS)
        if job.role is Role.CONTRIBUTOR:
            await job.contribute(f"{check}: {chance.choice(CAUSES).lower()}.", steps_tried=[check])
            return
        already_tried = len(job.steps_tried)
        moves = chance.random() * 2**already_tried  # the more was tried, the less it is passed around
        supplier = None if already_tried else self.suppliers.get(job.case.category)
        if job.refused is not None or came_with_article(job):
            await self.solve(job, chance, check)
        elif supplier is not None and job.mode is Mode.TIERED:
            await self.complete(job)
            await job.escalate("needs_vendor", findings=f"{check}: no change.", steps_tried=[check], to_tier=supplier)
        elif (job.mode is Mode.SWARM and self.experts) or (job.mode is Mode.CARRY_THROUGH and self.next_tier):
            await self.pass_on(job, chance, check)
        elif moves >= 0.4:
            await self.solve(job, chance, check)
        elif moves < 0.05 and job.internal is not None and job.internal.missing_facts:
            missing = ", ".join(job.internal.missing_facts)
            await job.give_back("incomplete_description", findings=f"Please ask for: {missing}.", steps_tried=[check])
        elif moves < 0.12 and self.colleagues:
            await job.transfer(chance.choice(self.colleagues), findings="One for your group.", steps_tried=[check])
        elif self.next_tier is not None:
            await self.pass_on(job, chance, check)
        else:
            await self.solve(job, chance, check)

    async def pass_on(self, job: Job, chance: random.Random, check: str) -> None:
        """Have higher tiers take part, in the way of the ticket's category, with the description complete."""
        findings = f"{check}: no change. The cause must lie deeper."
        await self.complete(job)
        if job.mode is Mode.SWARM:
            named = [group for group in self.experts if group.startswith(job.case.category)]
            await job.invite(chance.choice(named or self.experts), f"{findings} What do you make of it?")
            await self.hear(job)
            await self.solve(job, chance, check)
        elif job.mode is Mode.CARRY_THROUGH:
            await job.carry("cause_unclear", findings=findings, steps_tried=[check], to_tier=self.next_tier)
            await self.solve(job, chance, check)
        else:
            await job.escalate("cause_unclear", findings=findings, steps_tried=[check], to_tier=self.next_tier)

    async def complete(self, job: Job) -> None:
        """Tell what the description lacks, as the requester has answered."""
        if job.internal is not None and job.internal.missing_facts:
            await job.progress("Asked for what the description lacked.", urgency=2, **FACTS)

    async def hear(self, job: Job) -> None:
        """Wait for what becomes of the invitation; an expert who does not come is told of by the desk, too."""
        async for update in job.updates:
            if update.contribution is not None and update.contribution.word in ANSWERS:
                return

    async def solve(self, job: Job, chance: random.Random, check: str) -> None:
        """See it through to the end."""
        await job.progress(f"{check}.", answer="I am looking into it now.", steps_tried=[check])
        if chance.random() < 0.2:
            await self.ask(job)
        await self.think(chance)
        # An article that is merely suggested is like the matter, and says nothing of how it was solved.
        article = job.internal.article_id if job.internal is not None and came_with_article(job) else None
        number = chance.randrange(len(FIXES))
        is_owed = job.refused is not None and job.refused.reason is RejectReason.UNDOCUMENTED
        draft = None
        if article is None and (is_owed or self.next_tier is None):
            # Nobody in house stands above: what is found here is written down for those below.
            draft = ArticleDraft(title=job.case.title, body=f"1. {check}.\n2. {FIXES[number]}.\n", audience="requester")
        await job.resolve(f"{FIXES[number]}.", root_cause=CAUSES[number], article_id=article, draft=draft)

    async def ask(self, job: Job) -> None:
        """Ask the requester, and wait a little for the reply."""
        await job.answer("Since when does it happen, and does it happen to your colleagues too?")
        await job.pause("requester")
        try:
            async with asyncio.timeout(PATIENCE_SECONDS / self.speed):
                async for update in job.updates:
                    if update.reply is not None:
                        return  # the reply has resumed it
        except TimeoutError:
            await job.resume("No answer yet; going on without.")

    async def think(self, chance: random.Random) -> None:
        """Take some time."""
        await asyncio.sleep(chance.uniform(*THINKING_SECONDS) / self.speed)


def came_with_article(job: Job) -> bool:
    """Whether the desk sent the ticket here because an article documents it."""
    told = job.internal
    if told is None or told.article_title is None:
        return False
    return any(told.article_title in sentence for sentence in told.explanation)


def teams(groups: Sequence[str], *, suppliers: Sequence[str] = (), seed: int, speed: float) -> list[Team]:
    """One for each `tier/group`; each of `suppliers` is `tier/category/tier of the supplier`."""
    ways = [tuple(way.split("/")) for way in suppliers]
    pairs = [tuple(group.split("/", 1)) for group in groups]
    tiers = list(dict.fromkeys(tier for tier, _ in pairs))
    found = []
    for number, (tier, group) in enumerate(pairs):
        higher = tiers[tiers.index(tier) + 1 :]
        start = number * PEOPLE_PER_GROUP
        found.append(
            Team(
                tier=tier,
                group=group,
                people=tuple(PEOPLE[(start + place) % len(PEOPLE)] for place in range(PEOPLE_PER_GROUP)),
                next_tier=higher[0] if higher else None,
                experts=tuple(other for its_tier, other in pairs if its_tier in higher),
                colleagues=tuple(other for its_tier, other in pairs if its_tier == tier and other != group),
                suppliers={category: to for start_tier, category, to in ways if start_tier == tier},
                seed=seed,
                speed=speed,
            )
        )
    return found


async def run(
    bus_url: str,
    stop: asyncio.Event | None = None,
    *,
    groups: Sequence[str],
    suppliers: Sequence[str] = (),
    tenant: str = "main",
    speed: float = 1.0,
    seed: int = 1,
    **options: Unpack[Options],
) -> None:
    """Work until `stop`, or without it until SIGINT or SIGTERM. At `speed` 1 a person thinks for seconds."""
    options.setdefault("workers", PEOPLE_PER_GROUP)
    options.setdefault("drain_seconds", 2.0)
    bus = await connect(bus_url, name="simulated staff")
    try:
        async with until_stopped(stop) as stopping, asyncio.TaskGroup() as group:
            for team in teams(groups, suppliers=suppliers, seed=seed, speed=speed):
                consumer = TierConsumer.in_house(
                    bus,
                    tenant=tenant,
                    tier=team.tier,
                    group=team.group,
                    worker=team.choose,
                    work=team.work,
                    **options,
                )
                group.create_task(consumer.run(stopping))
    finally:
        await bus.close()


def way_to_supplier(text: str) -> str:
    """Check an argument."""
    if len(text.split("/")) != 3 or not all(text.split("/")):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form tier/category/tier, as l1/printer/l4")
    return text


def group_name(text: str) -> str:
    """Check an argument."""
    tier, slash, group = text.partition("/")
    if not (tier and slash and group):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form tier/group, as l1/service-desk")
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bus", default=os.environ.get("TIERDESK_BUS_URL"), help="or TIERDESK_BUS_URL")
    parser.add_argument("--group", action="append", type=group_name, required=True, help="tier/group; may be repeated")
    parser.add_argument("--supplier", action="append", type=way_to_supplier, default=[], help="tier/category/tier")
    parser.add_argument("--tenant", default="main")
    parser.add_argument("--speed", type=float, default=1.0, help="1: people think for seconds; 10: ten times as fast")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not arguments.bus:
        parser.error("name the bus with --bus or TIERDESK_BUS_URL")
    people = partial(
        run,
        groups=arguments.group,
        suppliers=arguments.supplier,
        tenant=arguments.tenant,
        speed=arguments.speed,
        seed=arguments.seed,
    )
    asyncio.run(people(arguments.bus))
