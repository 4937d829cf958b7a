"""The Google Benchmark programs: their exit codes, and that their JSON is JSON."""
import json
import pathlib
import shutil
import subprocess
import unittest

from peers import BIN, PATIENCE_S, PeerTest

PROGRAMS = ("codec_bench", "transport_bench")


class Micro(PeerTest):
    def bench(self, program, *flags):
        return subprocess.run([BIN / program, *flags], cwd=self.work, check=False, timeout=2 * PATIENCE_S,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def names(self, program):
        done = self.bench(program, "--benchmark_list_tests")
        return done.stdout.decode().split()

    def test_a_filter_that_matches_nothing(self):
        for program in PROGRAMS:
            done = self.bench(program, "--benchmark_filter=no_such_benchmark")
            self.assertEqual(done.returncode, 2, program)
            self.assertIn(b"no benchmark matches", done.stderr)

    def test_an_unknown_flag(self):
        for program in PROGRAMS:
            for flag in ("--benchmark_fliter=x", "x"):
                done = self.bench(program, flag)
                self.assertEqual(done.returncode, 2, (program, flag))
                self.assertIn(flag.encode(), done.stderr)

    def test_a_format_there_is_not(self):
        self.assertEqual(self.bench("codec_bench", "--benchmark_format=xml").returncode, 2)

    def test_results_that_cannot_be_written(self):
        for program in PROGRAMS:
            some = self.names(program)[0]
            for path in ("/dev/full", "/nonexistent/out.json"):
                done = self.bench(program, f"--benchmark_filter=^{some}$", "--benchmark_min_time=0.001",
                                  f"--benchmark_out={path}")
                self.assertEqual(done.returncode, 5, (program, path, done.stderr))
                self.assertIn(path.encode(), done.stderr)
            with open("/dev/full", "wb") as full:
                done = subprocess.run([BIN / program, f"--benchmark_filter=^{some}$", "--benchmark_min_time=0.001"],
                                      check=False, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 5, (program, "stdout"))

    def test_json_with_repetitions(self):
        path = pathlib.Path(self.work, "out.json")
        done = self.bench("transport_bench", "--benchmark_filter=^round_trip/(tcp|request/h2)/", "--benchmark_min_time=0.01",
                          "--benchmark_repetitions=2", "--benchmark_format=json", f"--benchmark_out={path}")
        self.assertEqual(done.returncode, 0, done.stderr)
        written = json.loads(path.read_text())
        self.assertEqual(json.loads(done.stdout)["benchmarks"], written["benchmarks"])
        self.assertIn("dragstrip_commit", written["context"])
        iterations = [run for run in written["benchmarks"] if run["run_type"] == "iteration"]
        self.assertEqual(len(iterations), 4)
        for run in iterations:
            self.assertNotIn("error_occurred", run)
            self.assertGreater(run["iterations"], 0)
            for counter in ("server_cpu_ns", "wire_up", "wire_down", "client_calls"):
                self.assertGreater(run[counter], 0, (run["name"], counter))
        self.assertEqual({run["aggregate_name"] for run in written["benchmarks"] if run["run_type"] == "aggregate"},
                         {"mean", "median", "stddev", "cv"})

    def test_every_transport_benchmark_runs(self):
        done = self.bench("transport_bench", "--benchmark_min_time=0.001", "--benchmark_format=json")
        self.assertEqual(done.returncode, 0, done.stderr)
        runs = json.loads(done.stdout)["benchmarks"]
        self.assertEqual([run["name"] for run in runs], self.names("transport_bench"))
        self.assertFalse([run for run in runs if run.get("error_occurred")])

    def test_without_the_server_program(self):
        alone = pathlib.Path(self.work, "transport_bench")
        shutil.copy(BIN / "transport_bench", alone)
        done = self.bench(alone, "--benchmark_filter=^round_trip/tcp/", "--benchmark_min_time=0.001")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"cannot start", done.stderr)


if __name__ == "__main__":
    unittest.main()
