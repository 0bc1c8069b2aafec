"""JUnit XML, which most CI systems show: a suite for each scenario, a test case for each expectation and agent."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeAlias

from junitparser import Attr, Error, Failure, IntAttr, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from ...scenarios.language.faults.faults import safe
from ..verdicts.expectation import Judgement
from .summary import BrokenScenario, RunReport

Inconclusive: TypeAlias = Literal["fail", "warn"]

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Case(TestCase):
    """A test case with file and line, as pytest writes them."""

    file = Attr()
    line = IntAttr()


def junit(
    reports: Sequence[RunReport],
    inconclusive: Inconclusive | None = None,
    broken: Sequence[BrokenScenario] = (),
    shard: str | None = None,
) -> str:
    """The file's text.

    A failed expectation is a failure, one that is not applicable is skipped. An inconclusive one is an error, unless
    the caller wants it to fail (a failure) or only warns of it (skipped); its type says `inconclusive` in any case.

    Args:
        reports: the runs.
        inconclusive: how these count.
        broken: scenarios that could not be run; each is a failed case.
        shard: `I/N` where this is one of several parts, whose files are often shown together.
    """
    part = "" if shard is None else f" (shard {shard})"
    whole, names = JUnitXml(f"turncoat{part}"), Counter[tuple[str, str]]()
    for each in broken:
        suite = _suite(each.which, part, shard)
        suite.add_testcase(_told_apart(_broken(each), names))
        whole.add_testsuite(suite)
    for report in reports:
        suite = _suite(report.which, part, shard)
        suite.timestamp = report.run.started.removesuffix("+00:00")  # of a time with its zone readers make nothing
        seconds = report.run.seconds or (0.0,) * len(report.run.judgements)
        for judgement, took in zip(report.run.judgements, seconds, strict=True):
            case = _told_apart(_case(report, judgement, inconclusive), names)
            case.time = round(took, 3)
            suite.add_testcase(case)
        whole.add_testsuite(suite)
    whole.update_statistics()
    buffer = io.BytesIO()
    whole.write(buffer, pretty=True)
    return buffer.getvalue().decode("utf-8")


def _suite(which: str, part: str, shard: str | None) -> TestSuite:
    suite = TestSuite(_clean(f"{which}{part}"))
    if shard is not None:
        suite.add_property("shard", shard)
    return suite


def _told_apart(case: _Case, names: Counter[tuple[str, str]]) -> _Case:
    """The case under a name that no other one has: readers show only one case of each."""
    name = (case.classname, case.name)
    names[name] += 1
    while names[name] > 1 and names[(case.classname, f"{case.name} #{names[name]}")]:
        names[name] += 1
    if names[name] > 1:
        case.name = f"{case.name} #{names[name]}"
        names[(case.classname, case.name)] += 1
    return case


def _broken(broken: BrokenScenario) -> _Case:
    """The failed case of a scenario that could not be run."""
    reasons = broken.reasons
    (file, line, first), lines = reasons[0], [f"{file}:{line} {told}" for file, line, told in reasons]
    case = _Case("can be run", _clean(broken.which))
    case.file, case.line = _clean(file), line
    case.result = [Failure(_clean(first), broken.fault.kind)]
    case.system_out = _clean("\n".join(lines))
    return case


def _case(report: RunReport, judgement: Judgement, inconclusive: Inconclusive | None) -> _Case:
    case = _Case(_clean(f"{judgement.name} [{judgement.agent}]"), _clean(report.which))
    case.file, case.line = _clean(judgement.file), judgement.line
    properties = Properties()
    for name, value in _properties(report, judgement).items():
        properties.add_property(Property(name, _clean(value)))
    case.append(properties)  # type: ignore[no-untyped-call]
    result = {"fail": Failure, "not applicable": Skipped, "inconclusive": _INCONCLUSIVE[inconclusive]}.get(
        judgement.outcome
    )
    if result is not None:
        case.result = [result(_clean(judgement.told), judgement.outcome)]
        case.system_out = _clean("\n".join(_aside(report, judgement)))
    return case


def _properties(report: RunReport, judgement: Judgement) -> dict[str, str]:
    """A case's properties for programs; those without a value are left out."""
    replay = report.replay(judgement)
    known = {
        "outcome": judgement.outcome,
        "stage": judgement.stage,
        "measure": judgement.asked,
        "bound": judgement.bound,
        "value": judgement.value,
        "low": judgement.low,
        "high": judgement.high,
        "unit": judgement.unit or None,
        "seeds": _seeds(judgement),
        "again": report.again(judgement),
        "replay": replay,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _seeds(judgement: Judgement) -> str | None:
    """The numbers of its seeds, `0` or `0-4`; None if it is exact."""
    if judgement.seeds == 0:
        return None
    first, last = judgement.first_seed, judgement.first_seed + judgement.seeds - 1
    return str(first) if first == last else f"{first}-{last}"


def _aside(report: RunReport, judgement: Judgement) -> list[str]:
    again, watch = report.again(judgement), report.watch(judgement)
    return [
        f"{judgement.file}:{judgement.line}",
        *([] if again is None else [f"again: {again}"]),
        *([] if watch is None else [f"watch: {watch}"]),
    ]


def _clean(text: str) -> str:
    """The text with characters that XML 1.0 cannot hold replaced."""
    return _NO_XML.sub("\ufffd", "\n".join(map(safe, text.split("\n"))))


_INCONCLUSIVE: dict[Inconclusive | None, type[Failure] | type[Error] | type[Skipped]] = {
    None: Error,
    "fail": Failure,
    "warn": Skipped,
}
