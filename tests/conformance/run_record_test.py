"""What `dragstrip load --json -` prints against the published schema, by python3-jsonschema; seeds and schedules."""
import json
import unittest

import jsonschema

from peers import DRAGSTRIP, HOME, PeerTest


class RunRecord(PeerTest):
    def setUp(self):
        super().setUp()
        schema = json.loads((HOME / "results/run.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        self.validator = jsonschema.Draft202012Validator(schema)

    def record(self, url, row, workload, *flags):
        text = self.run_program(DRAGSTRIP, "load", url, "--row", row, "--workload", workload, "--json", "-",
                                "--warmup", "50ms", "--duration", "500ms", "--timeout", "60s", *flags, code=None)
        record = json.loads(text)  # alone on stdout
        self.validator.validate(record)
        self.assert_books_close(record)
        return record

    def test_every_workload_fits_the_schema(self):
        url = self.serve().url()
        for row, workload, flags in (("tcp", "rpc", []), ("request/h2", "rpc", ["--closed"]), ("request/h1-close", "rpc", []),
                                     ("sse/h2", "feed", []), ("short-poll/h1-close", "feed", []), ("long-poll/h1", "feed", []),
                                     ("websocket/h1", "chat", []), ("short-poll/h1", "chat", []),
                                     ("http-stream/h1", "connect", []), ("request/h1", "connect", [])):
            with self.subTest(row=row, workload=workload):
                record = self.record(url, row, workload, *(flags or ["--rate", "100"]))
                self.assertEqual((record["row"], record["workload"], record["stack"]), (row, workload, "native"))
                self.assertEqual(record["polls"] is None, "poll" not in row or workload == "connect")
                self.assertEqual(record["connect_ns"] is None, workload != "connect")
                self.assertEqual(record["deliveries"] is None, workload not in ("feed", "chat"))
                self.assertEqual(record["publishes"] is None, workload != "chat")
                self.assertEqual(record["schedule_hash"] is None, "--closed" in flags)

    def test_the_schema_is_strict(self):
        record = self.record(self.serve().url(), "tcp", "rpc")
        for damage in (lambda r: r.pop("outcomes"), lambda r: r.update(extra=1), lambda r: r["outcomes"].update(ok=-1),
                       lambda r: r.update(row=7), lambda r: r.update(verdict="fine")):
            damaged = json.loads(json.dumps(record))
            damage(damaged)
            self.assertFalse(self.validator.is_valid(damaged))

    def test_a_seed_is_a_schedule(self):
        url = self.serve().url()

        def hash_of(*flags, row="tcp", workload="rpc"):
            return self.record(url, row, workload, "--rate", "200", *flags)["schedule_hash"]

        first = hash_of("--seed", "7")
        self.assertRegex(first, "^[0-9a-f]{16}$")
        # The row, the number of users and the payload do not change when something is due.
        self.assertEqual(hash_of("--seed", "7"), first)
        self.assertEqual(hash_of("--seed", "7", "--clients", "3", "--payload", "1000", row="websocket/h1"), first)
        self.assertEqual(hash_of("--seed", "7", row="sse/h1", workload="feed"), first)
        self.assertNotEqual(hash_of("--seed", "8"), first)
        self.assertNotEqual(hash_of("--seed", "7", "--arrival", "constant"), first)


if __name__ == "__main__":
    unittest.main()
