"""Who may do what: the brain reads metrics and traces, and three modules of the hands write to workloads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
HANDS = ROOT / "operator" / "foresize"
BRAIN = ROOT / "forecaster" / "foresize_forecast"

WRITES = {"create", "replace", "patch", "delete"}
"""Methods of the operator's one client that change something."""
RAW = {"_call", "_request", "param_serialize", "call_api"}
"""What they are made of, and what goes around them."""
INPUT_OUTPUT = (
    {"io", "os", "pathlib", "shutil", "sqlite3", "tempfile"}
    | {"http", "requests", "socket", "ssl", "urllib", "urllib3"}
    | {"asyncio", "ctypes", "multiprocessing", "signal", "subprocess", "threading"}
)


def trees(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module under a source root, by its path there."""
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_text())


def methods_called(tree: ast.AST, holder: str) -> set[str]:
    """Methods called on what is named `holder` or `_holder`, be it a variable or an attribute."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            value = node.func.value
            name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
            if name.lstrip("_") == holder:
                found.add(node.func.attr)
    return found


def texts(tree: ast.AST) -> Iterator[str]:
    """Every string of a module that is no docstring, f-strings piece by piece."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules that a module imports, as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_twelve_modules_write_to_the_cluster_at_all() -> None:
    """Reading the code of these modules tells everything that operator and webhook can change in a cluster."""
    writers = {name: wrote for name, tree in trees(HANDS) if (wrote := methods_called(tree, "api") & WRITES)}

    assert {
        "commands/readers.py": {"create"},  # questions about tokens and rights, of which nothing is kept
        "commands/rights.py": {"create"},  # questions about rights, of which nothing is kept
        "doors/admission.py": {"create", "replace"},  # MemorySizes
        "reporting/events.py": {"create"},  # Events
        "doors/evict.py": {"create"},  # pods/eviction
        "kube/lease.py": {"create", "patch"},  # its own Lease; and a question of who it is
        "passes/policyreport.py": {"patch"},  # status of MemoryPolicies
        "reporting/records.py": {"create", "replace", "patch", "delete"},  # MemoryForecasts
        "doors/resize.py": {"patch"},  # pods/resize
        "doors/scale.py": {"patch"},  # replicas of workloads
        "doors/template.py": {"patch"},  # memory in pod templates
        "webhook/keeper.py": {"replace", "patch"},  # its own certificate, and what the API server trusts of it
    } == writers


def test_running_pods_are_written_to_by_one_module() -> None:
    """A running pod changes through `resize` alone, which asks for the lease and the kill switch first."""
    naming = [
        name for name, tree in trees(HANDS) if any(text.endswith("/resize") and "/" in text for text in texts(tree))
    ]

    # kubeapi.py names it to count writes, checkups.py to look for it, rights.py to ask who may.
    assert ["commands/checkups.py", "commands/rights.py", "doors/resize.py", "kube/kubeapi.py"] == naming


def test_pods_are_evicted_by_one_module() -> None:
    """A pod leaves its node through `evict` alone, by the API server's evictions: no pod is ever deleted."""
    naming = [name for name, tree in trees(HANDS) if any(text.endswith("/eviction") for text in texts(tree))]

    # kubeapi.py names it to count writes, rights.py to ask who may.
    assert ["commands/rights.py", "doors/evict.py", "kube/kubeapi.py"] == naming
    assert ["passes/moving.py"] == [
        name for name, tree in trees(HANDS) if "foresize.doors.evict.evict" in imported(tree)
    ]


def test_replicas_are_written_by_one_module() -> None:
    """A workload has more or fewer pods through `scale` alone, asked by who puts to sleep and by a release."""
    naming = [name for name, tree in trees(HANDS) if any(text.endswith("/scale") for text in texts(tree))]

    # references.py reads it, rights.py asks who may, kubeapi.py names it to count writes.
    assert ["cluster/references.py", "commands/rights.py", "doors/scale.py", "kube/kubeapi.py"] == naming
    assert ["commands/returning.py", "passes/sleeping.py"] == [
        name for name, tree in trees(HANDS) if "foresize.doors.scale.scale" in imported(tree)
    ]


def test_sizes_at_creation_are_written_by_one_module() -> None:
    """What new pods are born with changes through `admission` alone."""
    # The webhook reads them, and touched.py lists them.
    assert ["commands/touched.py", "doors/admission.py", "webhook/known.py"] == [
        name for name, tree in trees(HANDS) if any("/memorysizes" in text for text in texts(tree))
    ]


def test_all_doors_ask_for_the_lease_and_the_kill_switch() -> None:
    """Every write to a workload is behind the fence: what sends one asks it, or is called by what did."""
    asking = {
        (name, function.name)
        for name, tree in trees(HANDS)
        if name in {"doors/resize.py", "doors/evict.py", "doors/admission.py", "doors/template.py", "doors/scale.py"}
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and "refusal" in methods_called(function, "fence")
    }

    assert {
        ("doors/resize.py", "resize"),
        ("doors/evict.py", "evict"),
        ("doors/admission.py", "_write"),
        ("doors/scale.py", "scale"),
        ("doors/template.py", "write"),
        ("doors/template.py", "give_back"),
    } == asking
    assert ["_write"] == [
        caller.name
        for _, tree in trees(HANDS)
        for caller in ast.walk(tree)
        if isinstance(caller, ast.FunctionDef) and "_put" in methods_called(caller, "self")
    ]


def test_a_rehearsal_sends_no_write() -> None:
    """What `foresize simulate` runs on overrides the one method that all writes go through."""
    source = {name: tree for name, tree in trees(HANDS) if name in {"kube/kubeapi.py", "kube/rehearsedapi.py"}}
    writers = {
        function.name
        for function in ast.walk(source["kube/kubeapi.py"])
        if isinstance(function, ast.FunctionDef) and "_write" in methods_called(function, "self")
    }
    overridden = {each.name for each in ast.walk(source["kube/rehearsedapi.py"]) if isinstance(each, ast.FunctionDef)}

    assert WRITES == writers
    assert "_write" in overridden
    assert not methods_called(source["kube/rehearsedapi.py"], "self") & {"_call", "_request"}
    assert ["passes/rehearsal.py"] == [
        name for name, tree in trees(HANDS) if name.startswith("passes/") and "RehearsedApi" in " ".join(imported(tree))
    ]


def test_nothing_goes_around_the_client() -> None:
    """The kubernetes package connects, elects and reads quantities: no call of it writes to workloads."""
    clients = [
        name
        for name, tree in trees(HANDS)
        if any(each.startswith("kubernetes") and not each.startswith("kubernetes.utils") for each in imported(tree))
    ]
    raw = [
        name for name, tree in trees(HANDS) if methods_called(tree, "client") & RAW or methods_called(tree, "api") & RAW
    ]

    others = [name for name, tree in trees(HANDS) if "aiohttp" in imported(tree)]

    assert ["kube/kubeapi.py", "kube/lease.py"] == clients
    assert ["webhook/apiserver.py"] == others
    assert ["kube/kubeapi.py"] == raw


def test_the_brain_neither_reads_nor_writes_but_in_named_places() -> None:
    """A forecast or a decision depends on its arguments alone: replayed, it is what the operator would have done."""
    touching = {
        name: sorted(found)
        for name, tree in trees(BRAIN)
        if (found := {module.partition(".")[0] for module in imported(tree)} & INPUT_OUTPUT)
    }

    assert {
        "exactprophet/compiling.py": ["os", "pathlib", "shutil", "tempfile"],  # keeps machine code where it may
        "exactprophet/fits.py": ["os"],  # counts the processors it may use
        "prometheus/credentials.py": ["pathlib", "requests"],  # reads who asks
        "prometheus/faults.py": ["requests", "ssl", "urllib3"],  # tells what its errors mean
        "prometheus/source.py": ["urllib"],  # takes an address apart
        "prometheus/wire.py": ["requests", "urllib3"],  # asks Prometheus
        "replay/decisions.py": ["pathlib"],  # writes the sizes that were in force
        "replay/jobruns.py": ["pathlib"],  # reads recorded runs
        "replay/jobs.py": ["pathlib"],  # is told where they are
        "replay/longform.py": ["pathlib"],  # reads recorded history
        "replay/metadata.py": ["pathlib"],  # reads what is known of it
        "replay/playing.py": ["multiprocessing"],  # shares the work out
        "replay/traces.py": ["pathlib"],  # finds recorded history
        "replay/widecsv.py": ["io"],  # reads recorded history
    } == touching
    assert [] == [name for name, tree in trees(BRAIN) for call in ast.walk(tree) if _opens(call)]


def test_the_brain_has_no_clock() -> None:
    """Time is an argument: nothing is decided by the clock of the machine, which only times a query out."""
    timed = [
        name for name, tree in trees(BRAIN) if methods_called(tree, "time") or "now" in methods_called(tree, "datetime")
    ]

    assert ["prometheus/wire.py"] == timed


def _opens(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input"}
