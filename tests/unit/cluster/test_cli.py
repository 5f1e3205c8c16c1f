"""The output and the failures of commands."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from switchboard_cluster import build, cli, cluster
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Paths
from switchboard_cluster.progress import Progress

runner = CliRunner()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the home of a cluster that does not run."""
    monkeypatch.setenv("SWITCHBOARD_CLUSTER_HOME", str(tmp_path))
    return tmp_path


def failing(error: BaseException) -> object:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


FAILURE = ClusterError("unit-died", "etcd [2379] ended", "read the log", Path("/logs/etcd.log"))


def test_a_failure_is_printed_with_its_remedy_and_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "up", failing(FAILURE))
    result = runner.invoke(cli.app, ["up"])
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines == ["error (unit-died): etcd [2379] ended", "remedy: read the log", "log: /logs/etcd.log"]


def test_a_failure_is_printed_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "up", failing(FAILURE))
    result = runner.invoke(cli.app, ["up", "-o", "json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "error": {
            "code": "unit-died",
            "message": "etcd [2379] ended",
            "remedy": "read the log",
            "log": "/logs/etcd.log",
        }
    }


def test_an_interrupted_command_prints_how_to_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "up", failing(KeyboardInterrupt()))
    result = runner.invoke(cli.app, ["up"])
    assert result.exit_code == 130
    assert "run the command again" in result.stderr


def test_a_start_prints_the_path_of_the_kubeconfig(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    asked = []

    def up(paths: Paths, count: int, progress: Progress) -> bool:
        asked.append((paths.root, count))
        return True

    monkeypatch.setattr(cluster, "up", up)
    result = runner.invoke(cli.app, ["up", "--nodes", "2", "-o", "json"])
    answer = json.loads(result.stdout)
    assert (answer["started"], answer["kubeconfig"]) == (True, str(home / "kubeconfig"))
    assert asked == [(home, 2)]
    assert f"export KUBECONFIG={home}/kubeconfig" in runner.invoke(cli.app, ["up"]).stdout


def test_down_fails_if_it_leaves_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "down", lambda *_: ["links: sb0"])
    result = runner.invoke(cli.app, ["down", "-o", "json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"left": ["links: sb0"]}


def test_down_succeeds_if_it_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "down", lambda *_: [])
    result = runner.invoke(cli.app, ["down"])
    assert (result.exit_code, result.stdout) == (0, "removed\n")


def test_status_without_a_cluster_succeeds() -> None:
    result = runner.invoke(cli.app, ["status", "-o", "json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert (answer["running"], answer["left"]) == (False, [])


@pytest.mark.parametrize(
    "argv",
    [
        ["kill-node", "node-1"],
        ["start-node", "node-1"],
        ["partition", "node-1"],
        ["reconnect"],
        ["restart", "etcd"],
        ["load-images"],
    ],
)
def test_a_command_that_needs_a_cluster_fails_without_one(argv: list[str]) -> None:
    result = runner.invoke(cli.app, [*argv, "-o", "json"])
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert (error["code"], error["remedy"]) == ("no-cluster", "switchboard-cluster up")


def test_logs_are_listed_and_an_unknown_one_is_refused(home: Path) -> None:
    paths = Paths(home)
    paths.logs.mkdir()
    paths.log("etcd").write_text("started\n")
    assert json.loads(runner.invoke(cli.app, ["logs", "-o", "json"]).stdout) == {
        "logs": {"etcd": str(paths.log("etcd"))}
    }
    error = json.loads(runner.invoke(cli.app, ["logs", "no-such", "-o", "json"]).stdout)["error"]
    assert (error["code"], error["remedy"]) == ("no-such-log", "the logs are: etcd")


@pytest.mark.parametrize("count", [0, 10])
def test_an_invalid_number_of_nodes_is_refused(count: int) -> None:
    result = runner.invoke(cli.app, ["up", "--nodes", str(count), "-o", "json"])
    assert json.loads(result.stdout)["error"]["code"] == "bad-node-count"


def test_a_missing_package_is_reported_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(build, "ensure", failing(AssertionError("built")))
    result = runner.invoke(cli.app, ["build"])
    assert result.exit_code == 1
    assert "error (missing-package)" in result.stderr
    assert "apt-get install" in result.stderr
