"""The workflow and the hook of `docs/how-to/run-in-ci.md` do what they say: their commands are run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from junitparser import JUnitXml
from ruamel.yaml import YAML

from .test_cli import CORRIDOR, ENV

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/how-to/run-in-ci.md").read_text(encoding="utf-8")
WORKFLOW, HOOK = (YAML(typ="safe").load(text) for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.S | re.M))

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="GitHub runs steps with bash")


@pytest.fixture
def shell(tmp_path):
    """Run a step in a folder with two scenarios, the failing one second."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "turncoat"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m turncoat "$@"\n')
    program.chmod(0o755)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios/a.yaml").write_text(CORRIDOR)
    (tmp_path / "scenarios/b.yaml").write_text(CORRIDOR.replace("value: 1,", "value: 3,"))

    def shell(command):
        environment = {**ENV, "PATH": f"{tmp_path / 'bin'}:{ENV['PATH']}", "GITHUB_ACTIONS": "true"}
        environment |= {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "GITHUB_WORKSPACE": str(tmp_path)}
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return shell


def steps(shard):
    """The commands of the workflow's job, as GitHub fills them in."""
    found = [step["run"] for step in WORKFLOW["jobs"]["run"]["steps"] if "run" in step]
    return [command.replace("${{ matrix.shard }}", str(shard)) for command in found]


@pytest.mark.nightly
def test_the_workflow(shell, tmp_path):
    shards = WORKFLOW["jobs"]["run"]["strategy"]["matrix"]["shard"]
    codes, cases, annotations = [], [], []
    for shard in shards:
        install, check, run = steps(shard)
        assert install == "pip install ."
        assert "${{" not in check + run
        done = shell(check)
        assert done.returncode == 0, done.stdout + done.stderr
        done = shell(run)
        codes.append(done.returncode)
        annotations += [line for line in done.stderr.splitlines() if line.startswith("::")]
        suites = JUnitXml.fromfile(tmp_path / f"junit-{shard}.xml")
        cases += [(case.classname, case.name) for suite in suites for case in suite]
    assert codes == [0, 1]
    names = [f"{name} [exact]" for name in ("goes right", "never goes left")]
    assert sorted(cases) == [(f"scenarios/{file}.yaml", name) for file in "ab" for name in names]
    assert {line.partition(",title")[0] for line in annotations} == {
        f"::error file=scenarios/b.yaml,line={line}" for line in (35, 36)
    }
    assert "# Turncoat (shard 2/2): fail" in (tmp_path / "summary.md").read_text()
    left = {path.name for path in tmp_path.iterdir()}
    uploaded = next(step for step in WORKFLOW["jobs"]["run"]["steps"] if "upload" in step.get("uses", ""))
    for pattern in uploaded["with"]["path"].split():
        assert list(tmp_path.glob(pattern)), f"{pattern} is none of {left}"


@pytest.mark.slow
def test_the_hook(shell, tmp_path):
    [hook] = HOOK["repos"][0]["hooks"]
    assert re.search(hook["files"], "scenarios/deep/a.yml")
    assert not re.search(hook["files"], "scenarios/a.md")
    assert hook["pass_filenames"] is False
    done = shell(hook["entry"])
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "scenarios/b.yaml").write_text(CORRIDOR.replace("title:", "caption:"))
    assert shell(hook["entry"]).returncode == 2


@pytest.mark.nightly
@pytest.mark.slow
def test_the_tests_of_the_page_pass(tmp_path):
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.S | re.M)
    (tmp_path / "test_theirs.py").write_text(program)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_theirs.py"]
    done = subprocess.run(words, cwd=tmp_path, env=ENV, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
