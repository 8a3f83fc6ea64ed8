"""What happens to each batch: a kill at every point, a second one at every point of the recovery, or random events."""

import itertools
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from campaigns.models import Campaign
from tests.chaos.arms import Arm, Arms, lines
from tests.chaos.gateways import PROVIDERS
from tests.chaos.staggered import STAGGERS

#: Where a process is stopped until another has taken over, and where it is held until somebody has opted out.
STOPS = ("claim:end", "stage:end", "intent:journalled", "commit:begin", "commit:end")
HOLDS = ("claim:begin", "claim:end", "stage:begin", "stage:end", "intent:stored")
#: Network faults, and where each strikes: the job and points after which bytes of the channel follow.
KINDS = ("reset", "stall", "slow", "cut")
_FTP_STRIKES = {
    "control up": (("hand_over", "ftp:command#1"), ("hand_over", "stage:end#1")),
    "control down": (("hand_over", "ftp:stor#1"), ("hand_over", "ftp:close#1")),
    "data up": (("hand_over", "ftp:stor#1"), ("hand_over", "ftp:block#1")),
    "data down": (("collect", "poll:begin#1"), ("collect", "poll:begin#1")),
}
STRIKES = {
    "smsportal": {
        "control up": (("hand_over", "sftp:opened#1"), ("hand_over", "sftp:block#1")),
        "control down": (("hand_over", "sftp:opened#1"), ("hand_over", "sftp:close#1")),
    },
    "gatewayapi": _FTP_STRIKES,
    "clickatell": _FTP_STRIKES,
    "bulksms": {
        "control up": (("hand_over", "http:request#1"), ("hand_over", "http:block#1")),
        "control down": (("hand_over", "http:request#1"), ("hand_over", "http:block#1")),
    },
}
KILLS = ("kill", "kill-worker", "blind", "soon")
#: Jobs about a campaign and not about one batch of it.
OF_CAMPAIGNS = ("freeze", "create_batches", "close")
_ACTIONS = ("kill",) * 5 + ("kill-worker", "drop", "drop", "stall", "blind", "blind", "lose", "soon")


@dataclass
class Plan:
    """What happens to one batch. ``stagger``: how its campaign is handed over in portions; "": as it comes."""

    provider: str
    arms: list[Arm] = field(default_factory=list)
    phase: str = "random"
    alone: bool = False
    stagger: str = ""

    @property
    def is_of_campaign(self) -> bool:
        """Whether it is about the campaign and not about one of its batches."""
        return any(arm.job in OF_CAMPAIGNS for arm in self.arms)

    @property
    def is_rare(self) -> bool:
        """Whether it makes a provider read a file too early: a run has few of these."""
        return any(":" in arm.fault for arm in self.arms)


class Plans:
    """Makes plans from what the rehearsal and the kills so far have shown: ``known`` holds (provider, job, point)."""

    def __init__(self, arms: Arms) -> None:
        self.arms = arms
        self.known: set[tuple[str, str, str]] = set()
        #: The phase in which a subject was begun.
        self.phase_of: dict[str, str] = {}

    def singles(self) -> list[Plan]:
        """A kill at every point that the rehearsal reached."""
        provider_of = self._providers()
        points: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for (job, subject), trails in self._trails().items():
            for trail in trails:
                points[provider_of[subject.split("-")[0]], job].update(dict.fromkeys(_without_middle_blocks(trail)))
        self.known = {(provider, job, point) for (provider, job), found in points.items() for point in found}
        return [
            Plan(provider, [Arm(point, "kill-worker" if number % 5 == 4 else "kill", job)], "single")
            for number, (provider, job, point) in enumerate(sorted(self.known))
        ]

    def at_every_point(self) -> list[Plan]:
        """A stop and an opt-out where they matter, and a connection that drops before a commit."""
        plans = [
            Plan(provider, [Arm(f"{point}#1", action)])
            for provider in PROVIDERS
            for action, points in (("stop", STOPS), ("hold", HOLDS))
            for point in points
        ]
        # Somebody opts out while batches are created, and while a batch is rebuilt without another recipient.
        cuts = [
            each for each in sorted(self.known) if each[1] == "create_batches" and each[2].startswith("db:commit:end")
        ]
        plans += [Plan(provider, [Arm(point, "hold", job)]) for provider, job, point in cuts]
        plans += [Plan(slug, [Arm("stage:end#1", "hold"), Arm("rebuild:begin#1", "hold")]) for slug in PROVIDERS]
        plans += [Plan(provider, [Arm("commit:begin#1", "drop")]) for provider in PROVIDERS]
        random.shuffle(plans)
        # Alternate the kinds, so that a run too short for all of them still tries each kind.
        met: Counter[str] = Counter()
        ranked = []
        for plan in plans:
            kind = f"{plan.arms[0].action} {plan.arms[0].job}"
            met[kind] += 1
            ranked.append((met[kind], plan))
        return [plan for _, plan in sorted(ranked, key=lambda each: each[0])]

    def losses(self) -> list[Plan]:
        """At every database commit without it so far, the session is lost: before the commit and after it."""
        providers: dict[tuple[str, str], list[str]] = defaultdict(list)
        for provider, job, point in sorted(self.known):
            providers[job, point].append(provider)
        plans = []
        for job, point in sorted(self.commits() - self.lost()):
            provider = random.choice(providers[job, point])
            plans.append([Plan(provider, [Arm(point, "lose", job)], alone=job not in OF_CAMPAIGNS)])
            if job in OF_CAMPAIGNS:
                # So that there are as many batches to create as in the rehearsal.
                plans[-1].append(Plan(provider))
        random.shuffle(plans)
        return [plan for each in plans for plan in each]

    def commits(self) -> set[tuple[str, str]]:
        """Job and point of every database commit that the rehearsal reached."""
        return {(job, point) for _, job, point in self.known if point.startswith("db:commit")}

    def lost(self) -> set[tuple[str, str]]:
        """Those at which the session was lost."""
        return {(line["job"], line["point"]) for line in self.fired() if line["action"] == "lose"} & self.commits()

    def strikes(self) -> list[Plan]:
        """Every network fault, on each channel of each provider in each direction, at both of its places."""
        plans = [
            Plan(provider, [Arm(point, "network", job, fault=f"{way} {kind}")], "network")
            for provider, ways in STRIKES.items()
            for way, places in ways.items()
            for kind in KINDS
            for job, point in places
        ]
        random.shuffle(plans)
        return plans

    def turns(self, batches: int) -> list[Plan]:
        """A campaign of so many batches for every way to hand over in portions."""
        return [
            Plan(provider, stagger=kind)
            for kind, provider in zip(STAGGERS, itertools.cycle(PROVIDERS), strict=False)
            for _ in range(batches)
        ]

    def read_early(self) -> list[Plan]:
        """Files that Clickatell reads while they are still being uploaded."""
        arm = Arm("commit:begin#1", "network", "hand_over", fault="clickatell:read-while-uploading")
        return [Plan("clickatell", [arm], "network") for _ in range(3)]

    def read_half_written(self, count: int) -> list[Plan]:
        """Zips that SMSPortal reads, and drops, while a part of them has yet to be written."""
        arms = [
            Arm("sftp:opened#1", "network", "hand_over", fault="smsportal:eager"),
            # Longer than the sandbox's pause between two scans.
            Arm("sftp:block#1", "stall", "hand_over", 1.0),
        ]
        return [Plan("smsportal", list(arms), "network") for _ in range(count)]

    def missed(self) -> list[Plan]:
        """A kill at every point that had none yet; each for a batch alone, the first on its connection."""
        plans = []
        for provider, job, point in sorted(self.known - self.killed()):
            is_cut = job in OF_CAMPAIGNS
            plans.append(Plan(provider, [Arm(point, "kill", job)], "single", alone=not is_cut))
            if is_cut:
                # So that there are as many batches to create as in the rehearsal.
                plans.append(Plan(provider, phase="single"))
        return plans

    def doubles(self) -> list[Plan]:
        """Plans for every point of the recovery without a second kill: each once, then further pairs."""
        provider_of = self._providers()
        trails = self._trails()
        pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
        for line in self.fired():
            if self.phase_of.get(line["subject"]) != "single" or line["job"] != "hand_over":
                continue
            provider = provider_of.get(line["subject"].split("-")[0], "")
            for trail in trails.get(("hand_over", line["subject"]), []):
                for point in _without_middle_blocks(trail):
                    pairs[provider, point].append(line["point"])
        first: list[Plan] = []
        further: list[Plan] = []
        _, hit = self.recovery()
        for (provider, point), causes in pairs.items():
            if (provider, point) in hit:
                continue
            causes = sorted(set(causes))
            random.shuffle(causes)
            for number, cause in enumerate(causes):
                action = "kill-worker" if random.random() < 0.1 else "kill"
                plan = Plan(provider, [Arm(cause, "kill"), Arm(point, action)], "double")
                (further if number else first).append(plan)
        random.shuffle(first)
        random.shuffle(further)
        return first + further

    def anything(self) -> Plan:
        """One batch, and one to three things that happen to it, or nothing."""
        provider = random.choice(PROVIDERS)
        known = [
            (job, point) for slug, job, point in self.known if slug == provider and job in ("hand_over", "collect")
        ]
        arms = [_any_arm(known) for _ in range(random.choice((0, 0, 1, 1, 1, 2, 3)))]
        return Plan(provider, arms)

    def fired(self) -> list[dict[str, Any]]:
        """Every action that was performed at a point, in order."""
        return lines(self.arms.fired_path)

    def killed(self) -> set[tuple[str, str, str]]:
        """Provider, job and point of every kill so far."""
        provider_of = self._providers()
        return {
            (provider_of.get(line["subject"].split("-")[0], ""), line["job"], line["point"])
            for line in self.fired()
            if line["action"] in KILLS
        }

    def recovery(self) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """Provider and point of everything reached after a first kill, and of every second kill."""
        provider_of, trails = self._providers(), self._trails()
        by_subject: dict[str, list[str]] = defaultdict(list)
        for line in self.fired():
            if line["action"] in KILLS and line["job"] == "hand_over" and line["point"]:
                by_subject[line["subject"]].append(line["point"])
        known: set[tuple[str, str]] = set()
        hit: set[tuple[str, str]] = set()
        for subject, points in by_subject.items():
            provider = provider_of.get(subject.split("-")[0], "")
            if self.phase_of.get(subject) == "single":
                reached = trails.get(("hand_over", subject), [])
                known.update((provider, point) for trail in reached for point in _without_middle_blocks(trail))
            hit.update((provider, point) for point in points[1:])
        return known, hit

    def pairs(self) -> int:
        """How many batches were killed more than once."""
        by_subject: dict[str, list[str]] = defaultdict(list)
        for line in self.fired():
            if line["action"] in KILLS:
                by_subject[line["subject"]].append(line["point"])
        return sum(len(points) > 1 for points in by_subject.values())

    def _trails(self) -> dict[tuple[str, str], list[list[str]]]:
        """The trails by job and subject, in order."""
        found: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
        for line in lines(self.arms.trails_path):
            found[line["job"], line["subject"]].append(line["trail"])
        return found

    def _providers(self) -> dict[str, str]:
        """The provider of each campaign, by its id."""
        return {str(pk): slug for pk, slug in Campaign.objects.values_list("pk", "account__provider")}


def _without_middle_blocks(trail: list[str]) -> list[str]:
    """The first three data blocks and the last: a crash between any others leaves the same result."""
    blocks = [point for point in trail if ":block#" in point]
    return [point for point in trail if point not in blocks[3:-1]]


def _any_arm(known: list[tuple[str, str]]) -> Arm:
    """A random event at one of the known (job, point)."""
    if random.random() < 0.25:
        return Arm(f"{random.choice(HOLDS)}#1", "hold")
    if random.random() < 0.06:
        return Arm(f"{random.choice(STOPS)}#1", "stop")
    action = random.choice(_ACTIONS)
    if action == "blind":
        return Arm("", action, random.choice(known)[0], random.uniform(0, 0.12))
    if action in ("lose", "soon"):
        known = [found for found in known if found[1].startswith("db:commit")]
    job, point = random.choice(known)
    return Arm(point, action, job, random.uniform(0, 0.006) if action == "soon" else random.uniform(1, 8))
