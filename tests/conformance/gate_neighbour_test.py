"""A neighbour that runs only while one of the two builds does: the gate must say that it cannot tell, and why.

Both builds are the same program. The same burners once belong to nobody (the machine's doing) and once to head (head's doing). Runs are
made one after the other (`slice = "0s"`), so that there is a while of head alone. Builds that take turns have the neighbour in both.
"""
import json
import pathlib
import sys

from peers import DRAGSTRIP, PeerTest

BURNER = pathlib.Path(__file__).with_name("burner.py")
SUITE = """
[gate]
pairs = {pairs}
pairs_stage2 = {fresh}
slice = "{slice}"
max_minutes = 10
[defaults]
rows = ["request/h1"]
path = "/healthz"
method = "GET"
warmup = "20ms"
window = "{window}"
[[cells]]
workload = "rpc"
mode = "closed"
clients = 1
"""
MORE_CELLS = """
[[cells]]
workload = "rpc"
mode = "closed"
clients = 8
[[cells]]
workload = "rpc"
clients = 4
rate = 500
"""
NOT_THE_SAME = "the machine was not the same for both builds"
BUSY = "the machine is busy"


class NeighbourTest(PeerTest):
    def gate(self, suite, *head_is):
        """What a gate of equal builds finds whose head is started by burner.py."""
        (pathlib.Path(self.work) / "suite.toml").write_text(suite)
        serve = f"{DRAGSTRIP} serve --listen 127.0.0.1:{{port}}"
        head = f"{sys.executable} -B {BURNER} {' '.join(head_is)} {serve}"
        self.run_program(DRAGSTRIP, "gate", "--base-cmd", serve, "--head-cmd", head, "--suite", "suite.toml", "--out", "out", "--quiet",
                         code=None)
        document = json.loads((pathlib.Path(self.work) / "out" / "gate.json").read_text())
        recording = document["recording"]
        self.assertEqual(recording["failures"], [])
        # The grade of before the first run decides nothing here.
        recording["machine"]["fitness"] = "B"
        (pathlib.Path(self.work) / "again.json").write_text(json.dumps(document))
        self.run_program(DRAGSTRIP, "gate", "--replay", "again.json", "--out", "again", code=None)
        again = json.loads((pathlib.Path(self.work) / "again" / "gate.json").read_text())
        return document, again

    def a_stranger_is_the_machine(self, suite, burners):
        document, again = self.gate(suite, "stranger", str(burners))
        self.assertEqual(document["exit_code"], 4, document["reasons"])
        self.assertEqual(again["exit_code"], 4, again["reasons"])
        # On a machine that others keep busy all the time one more is not seen; then that is the reason.
        self.assertTrue(any(NOT_THE_SAME in reason["text"] or BUSY in reason["text"] for reason in again["reasons"]), again["reasons"])

    def what_is_its_own_is_not(self, suite, burners):
        _, again = self.gate(suite, "own", str(burners))
        for reason in again["reasons"]:
            self.assertFalse(reason["cause"] == "unfit" and NOT_THE_SAME in reason["text"], again["reasons"])
        return again


class Neighbour(NeighbourTest):
    def test_a_stranger_beside_head_is_the_machines_doing(self):
        self.a_stranger_is_the_machine(SUITE.format(pairs=4, fresh=7, window="150ms", slice="0s"), 4)

    def test_what_head_burns_itself_is_not_excused(self):
        self.what_is_its_own_is_not(SUITE.format(pairs=4, fresh=7, window="150ms", slice="0s"), 2)


class NeighbourOfBoth(NeighbourTest):
    def test_whoever_takes_turns_has_the_same_neighbour(self):
        """Six burners on two CPUs while head is up, that is in every slice of both: no regression, whatever else the gate says."""
        _, again = self.gate(SUITE.format(pairs=4, fresh=7, window="300ms", slice="10ms"), "stranger", "6")
        self.assertNotEqual(again["exit_code"], 1, again["reasons"])
        self.assertNotIn("regression", [metric["verdict"] for metric in again["metrics"]], again["metrics"])


class NeighbourOfManyCells(NeighbourTest):
    LABELS = "net;slow"

    def test_a_stranger_beside_head_is_the_machines_doing(self):
        for burners in (1, 2, 6):
            with self.subTest(burners=burners):
                self.a_stranger_is_the_machine(SUITE.format(pairs=5, fresh=10, window="300ms", slice="0s") + MORE_CELLS, burners)

    def test_what_head_burns_itself_is_a_regression(self):
        """Of the server's CPU it cannot be: the burners are children of the server, whose time the record does not count."""
        again = self.what_is_its_own_is_not(SUITE.format(pairs=5, fresh=10, window="300ms", slice="0s") + MORE_CELLS, 2)
        self.assertIn("regression", [metric["verdict"] for metric in again["metrics"]], again["reasons"])
