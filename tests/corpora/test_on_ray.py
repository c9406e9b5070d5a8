"""The same workers on Ray: poison costs one video, a lost node costs nothing. ``benchmarks/corpora_kills.py`` kills it twenty times."""

import os
import pickle
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
from av2a.corpora.on_ray import RayEngine, RayOptions, models_or_refusal
from av2a.corpora.processes import ProcessEngine
from av2a.detector import Detector
from av2a.errors import BrokenPlugin, UnknownName, UsageError
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
    bad = [VideoJob(str(tmp_path / name)) for name in ("missing.mp4", "poison.mp4", "hang.mp4")]
    jobs = [*good[:3], *bad, *good[3:]]
    engine = RayEngine(setup, WorkerLimits(seconds=3.0), RayOptions(workers=2))
    summary = run_batch(BatchFolder(tmp_path / "out"), jobs, [], setup, engine)
    assert (summary.statuses["done"], summary.statuses["failed"]) == (len(good), 3)
    assert summary.reasons == {"E_NO_SUCH_FILE": 1, "E_TIME_LIMIT": 1, "E_WORKER_DIED": 1}
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
def two_nodes(setup: PoisonSetup, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """A cluster of two raylets on loopback, each with what Ray takes for a GPU, and its second node."""
    from ray.cluster_utils import Cluster

    # A lost node is noticed after some seconds, not minutes.
    for name, value in (
        ("RAY_health_check_initial_delay_ms", "500"),
        ("RAY_health_check_period_ms", "500"),
        ("RAY_health_check_timeout_ms", "1000"),
        ("RAY_health_check_failure_threshold", "3"),
    ):
        monkeypatch.setenv(name, value)
    each = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**each, "include_dashboard": False})
    try:
        second = cluster.add_node(**each)
        cluster.wait_for_nodes()
        yield cluster, second
    finally:
        cluster.shutdown()


def test_lost_nodes_lose_no_video_and_models_are_those_of_the_nodes(
    clips: Path, tmp_path: Path, setup: PoisonSetup, two_nodes: tuple[Any, Any]
) -> None:
    cluster, second = two_nodes
    setup = replace(setup, least_seconds=0.5, needs_gpu=True)
    with pytest.raises(UsageError, match="there is no GPU here"):
        setup.worker()
    jobs = [VideoJob(path.path, labels) for labels in ((), ("rain",)) for path in jobs_of([str(clips)])[0]]
    half = len(jobs) // 2
    limits, out = WorkerLimits(seconds=60.0), BatchFolder(tmp_path / "out")
    killed: list[float] = []

    def kill_second(progress: Any, record: Any) -> None:
        if progress.done == 2 and not killed:
            cluster.remove_node(second, allow_graceful=False)
            killed.append(time.monotonic())

    engine = RayEngine(setup, limits, RayOptions(address=cluster.address, workers=2, gpus=1.0))
    assert run_batch(out, jobs[:half], [], setup, engine, progress=kill_second).statuses["done"] == half
    assert killed and time.monotonic() - killed[0] < 120

    def kill_last(progress: Any, record: Any) -> None:
        if progress.done == half + 2 and len(killed) == 1:
            cluster.head_node.kill_raylet(check_alive=False)
            killed.append(time.monotonic())

    engine = RayEngine(setup, limits, RayOptions(address=cluster.address, gpus=1.0))
    with pytest.raises(BrokenPlugin, match="the same command again, it goes on where it stopped") as refusal:
        run_batch(out, jobs, [], setup, engine, progress=kill_last)
    assert "\n" not in str(refusal.value) and time.monotonic() - killed[1] < 100
    assert half + 2 <= read_batch(out.path)[0].counts()[JobStatus.DONE] < len(jobs)
    here = replace(setup, needs_gpu=False)
    assert run_batch(out, jobs, [], here, ProcessEngine(here, limits)).statuses["done"] == len(jobs)
    [manifest] = read_batch(out.path)
    assert {record.status for record in manifest.records.values()} == {JobStatus.DONE}
    assert out.manifest.read_text().count('"done"') == len(jobs)


def test_a_cluster_that_cannot_be_reached_is_one_line(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    engine = RayEngine(setup, WorkerLimits(), RayOptions(address="127.0.0.1:1"))
    with pytest.raises(BrokenPlugin, match="Ray cannot be started or reached"):
        run_batch(BatchFolder(tmp_path / "out"), jobs_of([str(clips)])[0], [], setup, engine)


def test_models_that_a_node_cannot_load_are_refused_as_they_are_here(setup: PoisonSetup) -> None:
    start = pickle.dumps((replace(setup, backbone="minni"), WorkerLimits()))
    assert isinstance(pickle.loads(models_or_refusal(start)), UnknownName)
