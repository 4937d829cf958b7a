"""The workflow of .github/workflows/gate.yml, step by step, in a folder and a repository made here.

Its shell steps run as a runner in a container runs them: each by `sh -e`, in one workspace, until one fails; after that only
those with `if: always()`. The build is a stand-in that notes what it was called for; the flags are tried on the real program.
"""
import json
import os
import pathlib
import subprocess
import unittest

import yaml

from peers import BIN, DRAGSTRIP, HOME, PATIENCE_S, PeerTest

STEPS = yaml.safe_load((HOME / ".github/workflows/gate.yml").read_text())["jobs"]["gate"]["steps"]

# Stands in for ./dragstrip: what it "builds" writes down who was called and how, and leaves what a gate leaves.
BUILDER = """#!/bin/sh
[ "$*" = setup ] || exit 9
cd "$(dirname "$0")"
mkdir -p build/release/bin
cat > build/release/bin/dragstrip <<'END'
#!/bin/sh
printf '%s\\n' "$@" > called
[ -n "$WRITES_NOTHING" ] || { mkdir -p gate && printf '<!-- gate -->\\nverdict\\n' > gate/gate.md; }
exit ${GATE_EXIT:-0}
END
chmod +x build/release/bin/dragstrip
"""

# The comment step, with the few calls of GitHub's that it makes.
COMMENT = """
const comments = JSON.parse(process.env.COMMENTS);
const listComments = Symbol();
const github = {
  paginate: async (what, at) => { if (what !== listComments || at.issue_number !== 7) throw new Error('asked for ' + JSON.stringify(at));
                                  return comments; },
  rest: { issues: {
    listComments,
    updateComment: async ({ comment_id, body }) => { comments.find(({ id }) => id === comment_id).body = body; },
    createComment: async ({ issue_number, body }) => { comments.push({ id: 100 + issue_number, body }); } } } };
const context = { repo: { owner: 'o', repo: 'r' }, issue: { number: 7 } };
const step = Object.getPrototypeOf(async () => {}).constructor;
new step('github', 'context', 'require', process.env.SCRIPT)(github, context, require)
  .then(() => console.log(JSON.stringify(comments)));
"""


def step(name):
    return next(step for step in STEPS if step["name"] == name)


class GateWorkflow(PeerTest):
    def setUp(self):
        super().setUp()
        self.space = pathlib.Path(self.work) / "workspace"
        self.space.mkdir()
        self.summary = pathlib.Path(self.work) / "summary"
        self.env = {"PATH": os.environ["PATH"], "HOME": self.work, "GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main",
                    "GITHUB_STEP_SUMMARY": str(self.summary), "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@a",
                    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@a"}

    def run_in(self, folder, *argv):
        done = subprocess.run(argv, cwd=folder, env=self.env, timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, f"{argv}: {done.stdout}")
        return done.stdout.strip()

    def commit(self, folder, text):
        (folder / "text").write_text(text)
        self.run_in(folder, "git", "add", "-A")
        self.run_in(folder, "git", "commit", "-qm", text)

    def check_out(self):
        """What actions/checkout leaves for a pull request: branch `topic`, merged into a main that had moved on, and has
        moved on again since."""
        origin = pathlib.Path(self.work) / "origin"
        self.run_in(self.work, "git", "init", "-q", "-b", "main", "origin")
        (origin / "dragstrip").write_text(BUILDER)
        (origin / "dragstrip").chmod(0o755)
        self.commit(origin, "first")
        self.run_in(origin, "git", "checkout", "-qb", "topic")
        (origin / "change").write_text("of the pull request")
        self.run_in(origin, "git", "add", "-A")
        self.run_in(origin, "git", "commit", "-qm", "change")
        self.run_in(origin, "git", "checkout", "-q", "main")
        self.commit(origin, "second")
        self.run_in(origin, "git", "checkout", "-qb", "merge")
        self.run_in(origin, "git", "merge", "-q", "--no-edit", "topic")
        self.run_in(origin, "git", "checkout", "-q", "main")
        self.commit(origin, "third")
        self.run_in(self.space, "git", "clone", "-q", str(origin), "head")
        self.run_in(self.space / "head", "git", "checkout", "-q", "--detach", "origin/merge")

    def run_job(self, **env):
        """The shell steps but for the packages; the name of the one that failed, or None."""
        self.check_out()
        self.output = ""
        failed = None
        for one in STEPS:
            if "run" not in one or "apt-get" in one["run"] or (failed and one.get("if") != "always()"):
                continue
            done = subprocess.run(["sh", "-e", "-c", one["run"]], cwd=self.space, env=self.env | env, timeout=PATIENCE_S,
                                  check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.output += done.stdout
            if done.returncode != 0 and failed is None:
                failed = one["name"]
        return failed

    def test_head_is_the_merge_and_base_what_it_was_merged_into(self):
        self.assertEqual(self.run_job(), None, self.output)
        self.assertEqual((self.space / "base/text").read_text(), "second")
        self.assertFalse((self.space / "base/change").exists())
        self.assertEqual((self.space / "head/text").read_text(), "second")
        self.assertTrue((self.space / "head/change").exists())
        self.assertEqual((self.space / "called").read_text().split()[:5], ["gate", "--base", "base", "--head", "head"])
        self.assertIn("verdict", self.summary.read_text())

    def test_a_red_gate_is_a_red_job_that_still_says_why(self):
        self.assertEqual(self.run_job(GATE_EXIT="1"), "gate", self.output)
        self.assertIn("verdict", self.summary.read_text())

    def test_so_is_one_that_cannot_tell(self):
        self.assertEqual(self.run_job(GATE_EXIT="4"), "gate", self.output)
        self.assertIn("verdict", self.summary.read_text())

    def test_a_gate_that_wrote_nothing_fails_by_itself(self):
        self.assertEqual(self.run_job(GATE_EXIT="2", WRITES_NOTHING="1"), "gate", self.output)
        self.assertFalse(self.summary.exists())

    def test_the_program_has_the_flags(self):
        for name in ("base", "head"):
            (self.space / name).symlink_to(BIN.parents[2])
        command = step("gate")["run"]
        program, flags = command.split(" ", 1)
        self.assertEqual(program, "head/build/release/bin/dragstrip")
        out = self.run_in(self.space, "sh", "-e", "-c", f"{DRAGSTRIP} {flags} --dry-run")
        self.assertIn("pairs", out)

    def test_one_comment_that_is_kept_up_to_date(self):
        (self.space / "gate").mkdir()
        marker = "<!-- dragstrip gate -->"
        comments = [{"id": 1, "body": "I like it"}]
        for text, bodies in (("red", ["I like it", "red"]), ("green", ["I like it", "green"])):
            (self.space / "gate/gate.md").write_text(f"{marker}\n{text}\n")
            done = subprocess.run(["node", "-e", COMMENT], cwd=self.space, timeout=PATIENCE_S, check=False, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  env=self.env | {"SCRIPT": step("comment")["with"]["script"], "COMMENTS": json.dumps(comments)})
            self.assertEqual(done.returncode, 0, done.stdout)
            comments = json.loads(done.stdout)
            self.assertEqual([comment["body"].removeprefix(marker).strip() for comment in comments], bodies)

    def test_no_comment_without_a_verdict(self):
        done = subprocess.run(["node", "-e", COMMENT], cwd=self.space, timeout=PATIENCE_S, check=False, stdout=subprocess.PIPE, text=True,
                              env=self.env | {"SCRIPT": step("comment")["with"]["script"], "COMMENTS": "[]"})
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "[]"))


if __name__ == "__main__":
    unittest.main()
