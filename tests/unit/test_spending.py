from foresize.kube.spending import Spending
from foresize_forecast.pods import ContainerView, PodView, Room
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.sizes import MIB, QosClass, Size

ROOM = Room(node_free_bytes=100 * MIB, quota_request_free_bytes=50 * MIB, quota_limit_free_bytes=None)


def pod(name: str, node: str = "n", namespace: str = "shop") -> PodView:
    app = ContainerView("app", Size(20 * MIB, 40 * MIB), Size(20 * MIB, 40 * MIB), 1.0)
    return PodView(
        namespace=namespace,
        name=name,
        uid=name,
        resource_version="1",
        revision="",
        owner="Deployment/web",
        node=node,
        qos=QosClass.BURSTABLE,
        created_s=0.0,
        ready=True,
        terminating=False,
        labels={},
        containers=(app,),
    )


def test_room_is_given_once() -> None:
    """What one replica was granted is not there for the next, on the node and in the quota, until both are read."""
    spent = Spending()
    spent.grant(pod("a"), PodChange({"app": Size(50 * MIB, 60 * MIB)}))

    # 50 - 20 = 30 Mi granted: 100 - 30 on the node, 50 - 30 in the quota
    assert Room(70 * MIB, quota_request_free_bytes=20 * MIB) == spent.left(pod("b"), ROOM)
    assert Room(100 * MIB, quota_request_free_bytes=20 * MIB) == spent.left(pod("b", node="m"), ROOM)
    assert Room(70 * MIB, quota_request_free_bytes=50 * MIB) == spent.left(pod("b", namespace="other"), ROOM)
    spent.nodes_were_read()
    assert Room(100 * MIB, quota_request_free_bytes=20 * MIB) == spent.left(pod("b"), ROOM)
    spent.quotas_were_read()
    assert ROOM == spent.left(pod("b"), ROOM)


def test_what_shrinks_gives_nothing_back_yet() -> None:
    """A smaller pod frees its room when the room is read again: until then its resize may still fail."""
    spent = Spending()
    spent.grant(pod("a"), PodChange({"app": Size(10 * MIB, 20 * MIB)}))

    assert ROOM == spent.left(pod("b"), ROOM)
