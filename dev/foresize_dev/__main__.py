"""The harness's command line: `python -m foresize_dev up|down|parts|image|packages|missing`.

Only the standard library is imported here and below, so it works before the virtual environment exists.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from foresize_dev import cluster, machine, operator_image, packages, parts, teardown
from foresize_dev.places import DEMO_STATE, PARTS_SOURCES

MI = 1 << 20


def main() -> int:
    """Run one command; the exit code is 0, or 1 with a reason."""
    arguments = _parser().parse_args()
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except (cluster.MachineError, parts.BuildError, operator_image.ImageError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="foresize_dev", description="A Kubernetes cluster on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="boot a cluster and leave it up")
    up.set_defaults(command=_up)
    up.add_argument("--nodes", default="node-1", help="names, with commas (default: %(default)s)")
    up.add_argument("--node-memory-mi", type=int, help="what pods may have of each node, in Mi (default: all)")
    up.add_argument("--emulated-version", help="an older API from the same programs, like 1.35")
    for name, command, text in (
        ("down", _down, "remove the cluster and every trace of it"),
        ("parts", _parts, "build the cluster's programs, where they are not built yet"),
        ("image", _image, "build the operator's image from the Dockerfile, where it is not built yet"),
        ("packages", _packages, "install the Debian packages that are missing"),
        ("missing", _missing, "say what this machine lacks to run a cluster"),
    ):
        one = commands.add_parser(name, help=text)
        one.set_defaults(command=command)
    for each in commands.choices.values():
        each.add_argument("--state", type=Path, default=DEMO_STATE, help="folder of the cluster (default: %(default)s)")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    memory_mi = arguments.node_memory_mi
    options = cluster.Options(
        state=arguments.state,
        nodes=[name for name in arguments.nodes.split(",") if name],
        node_memory_bytes=None if memory_mi is None else memory_mi * MI,
        emulated_version=arguments.emulated_version,
    )
    running = cluster.start(options, print)
    print(f"\nexport KUBECONFIG={running.kubeconfig}\nkubectl: {parts.find(parts.HYPERKUBE)} kubectl")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    teardown.tear_down(arguments.state)
    left = teardown.leftovers(arguments.state)
    print("\n".join(left) if left else "nothing is left")
    return 1 if left else 0


def _parts(_: argparse.Namespace) -> int:
    for name, path in parts.build_missing().items():
        print(f"{name}: {path}")
    return 0


def _image(_: argparse.Namespace) -> int:
    path = operator_image.find_or_build(lambda what: print(f"image: {what}", flush=True))
    print(f"image {operator_image.IMAGE}: {path}, {path.stat().st_size // MI} MiB of layers")
    return 0


def _packages(_: argparse.Namespace) -> int:
    return 0 if packages.install_missing() else 1


def _missing(_: argparse.Namespace) -> int:
    lacking = machine.missing_for_node() + machine.missing_for_prometheus()
    unbuilt = [part.name for part in parts.ALL if parts.find(part) is None] if not lacking else []
    lacking += [f"the built part {name} (from {PARTS_SOURCES / name}; make parts)" for name in unbuilt]
    print("\n".join(f"missing: {reason}" for reason in lacking) or "nothing is missing: a cluster can run here")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
