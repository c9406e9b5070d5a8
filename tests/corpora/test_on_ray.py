"""The same workers on Ray: poison costs one video, a lost node costs nothing. ``benchmarks/corpora_kills.py`` kills it twenty times."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from av2a.corpora.batch import BatchFolder, read_batch, run_batch
from av2a.corpora.isolation import WorkerLimits
from av2a.corpora.jobs import VideoJob, jobs_of
from av2a.corpora.manifest import JobStatus
from av2a.corpora.on_ray import RayEngine, RayOptions
from av2a.corpora.processes import ProcessEngine
from av2a.detector import Detector
from av2a.errors import BrokenPlugin
from av2a.exports.json import dumps
from av2a.settings import Settings
from tests.corpora.poison import PoisonSetup

# Statistics are off before it is imported, and its workers find the tests.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray", reason="Ray is not installed (av2a[ray])")

pytestmark = [
    pytest.mark.slow,
    # Ray's own: files and sockets that it leaves to the interpreter's end, and what it will rename.
    pytest.mark.filterwarnings("default"),
]

LABELS = ("dog barking", "church bell", "siren")


@pytest.fixture
def setup(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> PoisonSetup:
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root / "src"), str(root), before]))
    return PoisonSetup(LABELS, Settings(), "mini", store=tmp_path / "store", begun=tmp_path / "begun.txt")


def test_ray_gives_the_detector_s_answers_and_poison_fails_alone(
    clips: Path, tmp_path: Path, setup: PoisonSetup, mini: Detector
) -> None:
    good = jobs_of([str(clips)])[0][:5]
    jobs = [*good[:3], VideoJob(str(tmp_path / "poison.mp4")), VideoJob(str(tmp_path / "hang.mp4")), *good[3:]]
    engine = RayEngine(setup, WorkerLimits(seconds=3.0), RayOptions(workers=2))
    summary = run_batch(BatchFolder(tmp_path / "out"), jobs, [], setup, engine)
    assert (summary.statuses["done"], summary.statuses["failed"]) == (len(good), 2)
    assert summary.reasons == {"E_TIME_LIMIT": 1, "E_WORKER_DIED": 1}
    [manifest] = read_batch(tmp_path / "out")
    for job in good:
        answer = (tmp_path / "out" / str(manifest.records[job.key].answer)).read_text()
        assert answer == dumps(mini(Path(job.path), LABELS))
    lines = (tmp_path / "out" / "manifest.jsonl").read_text()
    assert '"running"' in lines
    # Another run has nothing to do.
    before = (setup.begun or Path()).read_text()
    assert run_batch(BatchFolder(tmp_path / "out"), jobs, [], setup, engine) == summary
    assert (setup.begun or Path()).read_text() == before


@pytest.fixture
def quick_health_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost node is noticed after some seconds, not minutes."""
    for name, value in (
        ("RAY_health_check_initial_delay_ms", "500"),
        ("RAY_health_check_period_ms", "500"),
        ("RAY_health_check_timeout_ms", "1000"),
        ("RAY_health_check_failure_threshold", "3"),
    ):
        monkeypatch.setenv(name, value)


@pytest.fixture
def two_nodes(setup: PoisonSetup, quick_health_checks: None) -> Iterator[tuple[Any, Any]]:
    """A cluster of two raylets on loopback, and its second node."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": 100_000_000, "include_dashboard": False},
    )
    second = cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
    cluster.wait_for_nodes()
    try:
        yield cluster, second
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_node_that_is_killed_in_mid_run_loses_nothing(
    clips: Path, tmp_path: Path, setup: PoisonSetup, two_nodes: tuple[Any, Any]
) -> None:
    cluster, second = two_nodes
    setup = replace(setup, least_seconds=0.5)
    jobs = [VideoJob(path.path, labels) for path in jobs_of([str(clips)])[0] for labels in ((), ("rain",))]
    engine = RayEngine(setup, WorkerLimits(seconds=60.0), RayOptions(address=cluster.address, workers=2))
    killed: list[float] = []

    def kill(progress: Any, record: Any) -> None:
        if progress.done == 4 and not killed:
            cluster.remove_node(second, allow_graceful=False)
            killed.append(time.monotonic())

    summary = run_batch(BatchFolder(tmp_path / "out"), jobs, [], setup, engine, progress=kill)
    assert killed and time.monotonic() - killed[0] < 120
    assert summary.statuses["done"] == len(jobs)
    [manifest] = read_batch(tmp_path / "out")
    assert {record.status for record in manifest.records.values()} == {JobStatus.DONE}
    lines = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert sum('"done"' in line for line in lines) == len(jobs)


def test_a_batch_whose_only_node_is_killed_ends_in_one_line_and_goes_on_afterwards(
    clips: Path, tmp_path: Path, setup: PoisonSetup, quick_health_checks: None
) -> None:
    from ray.cluster_utils import Cluster

    setup = replace(setup, least_seconds=0.5)
    jobs = jobs_of([str(clips)])[0]
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": 100_000_000, "include_dashboard": False},
    )
    killed: list[float] = []

    def kill(progress: Any, record: Any) -> None:
        if progress.done == 2 and not killed:
            cluster.head_node.kill_raylet(check_alive=False)
            killed.append(time.monotonic())

    try:
        engine = RayEngine(setup, WorkerLimits(seconds=60.0), RayOptions(address=cluster.address))
        with pytest.raises(BrokenPlugin, match="the same command again, it goes on where it stopped") as refusal:
            run_batch(BatchFolder(tmp_path / "out"), jobs, [], setup, engine, progress=kill)
    finally:
        cluster.shutdown()
    assert "\n" not in str(refusal.value) and time.monotonic() - killed[0] < 100
    before = read_batch(tmp_path / "out")[0].counts()[JobStatus.DONE]
    assert 2 <= before < len(jobs)
    summary = run_batch(
        BatchFolder(tmp_path / "out"), jobs, [], setup, ProcessEngine(setup, WorkerLimits(seconds=60.0))
    )
    assert summary.statuses["done"] == len(jobs)
    lines = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert sum('"done"' in line for line in lines) == len(jobs)


def test_a_cluster_that_cannot_be_reached_is_one_line(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    engine = RayEngine(setup, WorkerLimits(), RayOptions(address="127.0.0.1:1"))
    with pytest.raises(BrokenPlugin, match="Ray cannot be started or reached"):
        run_batch(BatchFolder(tmp_path / "out"), jobs_of([str(clips)])[0], [], setup, engine)
