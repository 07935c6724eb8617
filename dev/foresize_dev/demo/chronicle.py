"""What was seen of the demo's pods and forecasts, in the order in which it happened. Pure: objects in, lines out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from foresize_dev.api import Json

OOM_KILLED = "OOMKilled"
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "": 1}
CONTROLLER = "foresize.dev/operator"


@dataclass(frozen=True)
class Size:
    """A container's memory request and limit."""

    request_bytes: int
    limit_bytes: int

    def __str__(self) -> str:
        return f"{people(self.request_bytes)}/{people(self.limit_bytes)}"


@dataclass(frozen=True)
class Change:
    """From `at_s` on a pod's container has this size."""

    at_s: float
    size: Size


@dataclass
class Life:
    """One pod from its creation on."""

    app: str
    name: str
    born_s: float
    sizes: list[Change]  # as its spec asks; the first is what it was created with
    in_force: list[Change] = field(default_factory=list)  # as the kubelet says that the kernel has it
    kills: set[str] = field(default_factory=set)  # ids of the containers that were OOM-killed
    restarts: int = 0
    gone: bool = False


@dataclass
class Chronicle:
    """All that was seen. `saw` takes one watched event and gives it to whom its kind concerns."""

    say: Callable[[str], None]
    lives: dict[str, Life] = field(default_factory=dict)  # by uid
    forecasts: dict[str, Json] = field(default_factory=dict)  # status by workload, like Deployment/web
    said: set[str] = field(default_factory=set)

    def saw(self, kind: str, thing: Json, at_s: float) -> None:
        """Take note of an object as it is at a time; `kind` is that of the watched event: ADDED, MODIFIED, DELETED."""
        match thing.get("kind"):
            case "Pod":
                self._saw_pod(kind, thing, at_s)
            case "MemoryForecast":
                self._saw_forecast(thing)
            case "Event":
                self._saw_event(thing)

    def of(self, app: str) -> list[Life]:
        """The pods of a workload, the oldest first."""
        return sorted((life for life in self.lives.values() if life.app == app), key=lambda life: life.born_s)

    def forecast(self, app: str) -> Json:
        """What the operator says of a workload; empty as long as it says nothing."""
        return self.forecasts.get(f"Deployment/{app}", {})

    def _saw_pod(self, kind: str, pod: Json, at_s: float) -> None:
        meta = pod["metadata"]
        asked = _size(pod["spec"]["containers"][0].get("resources"))
        if asked is None:
            return
        life = self.lives.get(meta["uid"])
        if life is None:
            life = Life(meta["labels"]["app"], meta["name"], at_s, [Change(at_s, asked)])
            self.lives[meta["uid"]] = life
            self.say(f"{life.name}: created with request/limit {asked}")
        elif asked != life.sizes[-1].size:
            life.sizes.append(Change(at_s, asked))
        life.gone = life.gone or kind == "DELETED"
        for status in pod["status"].get("containerStatuses", [])[:1]:
            self._saw_container(life, status, at_s)

    def _saw_container(self, life: Life, status: Json, at_s: float) -> None:
        in_force = _size(status.get("resources"))
        if in_force is not None and (not life.in_force or in_force != life.in_force[-1].size):
            if life.in_force:
                self.say(f"{life.name}: {in_force} is in force, {_restarts(status['restartCount'])}")
            life.in_force.append(Change(at_s, in_force))
        life.restarts = max(life.restarts, status["restartCount"])
        for state in (status.get("state", {}), status.get("lastState", {})):
            ended = state.get("terminated") or {}
            if ended.get("reason") == OOM_KILLED and ended["containerID"] not in life.kills:
                life.kills.add(ended["containerID"])
                limit = f" at its limit of {people(life.in_force[-1].size.limit_bytes)}" if life.in_force else ""
                self.say(f"{life.name}: OOM-killed{limit}, kill {len(life.kills)}")

    def _saw_forecast(self, forecast: Json) -> None:
        workload = f"{forecast['spec']['workload']['kind']}/{forecast['spec']['workload']['name']}"
        status = forecast.get("status", {})
        self.forecasts[workload] = status
        for row in status.get("containers", []):
            if "shape" in row:
                self._say_once(_outlook(workload, row))

    def _saw_event(self, event: Json) -> None:
        if event.get("reportingComponent", event.get("reportingController")) != CONTROLLER:
            return
        about = event.get("involvedObject", event.get("regarding", {}))
        if about.get("kind") == "MemoryForecast" and event.get("type") == "Normal":
            return  # its decisions; what was done about them is told of the pods
        self._say_once(f"{about.get('name')}: {event['reason']}: {event.get('message', event.get('note', ''))}")

    def _say_once(self, line: str) -> None:
        if line not in self.said:
            self.said.add(line)
            self.say(line)


def parse_bytes(quantity: str) -> int:
    """Bytes of a quantity as Kubernetes writes memory back, like 128Mi."""
    number = quantity.rstrip("KMGi")
    return int(number) * UNITS[quantity[len(number) :]]


def people(size_bytes: int) -> str:
    """Bytes in Mi, rounded."""
    return f"{size_bytes / UNITS['Mi']:.0f}Mi"


def _size(resources: Mapping[str, Json] | None) -> Size | None:
    try:
        return Size(*(parse_bytes((resources or {})[kind]["memory"]) for kind in ("requests", "limits")))
    except KeyError:
        return None


def _restarts(count: int) -> str:
    return {0: "no restart", 1: "1 restart"}.get(count, f"{count} restarts")


def _outlook(workload: str, row: Mapping[str, Json]) -> str:
    """A forecast in a sentence, of what changes seldom."""
    parts = [f"{workload}: {row['shape']}"]
    if "model" in row:
        parts.append(f"{row['model']} chosen on {row['historyDays']} days of history")
    if "peak" in row:
        parts.append(f"peak {people(parse_bytes(row['peak']))} expected")
    if "growthPerDay" in row:
        parts.append(f"grows {people(parse_bytes(row['growthPerDay']))} a day")
    if "timeToLimit" in row:
        parts.append(f"meets its limit in {row['timeToLimit']}")
    return ", ".join(parts)
