"""wrk against our server: a load that is no benchmark, only an HTTP/1.1 client in a hurry."""
import re
import unittest

from peers import PeerTest


class Wrk(PeerTest):
    def test_a_second_without_an_error(self):
        server = self.serve()
        text = self.run_program("wrk", "-t", "1", "-c", "8", "-d", "1", "--timeout", "60s", server.url("/echo")).decode()
        self.assertGreater(int(re.search(r"(\d+) requests in", text)[1]), 0)
        self.assertNotRegex(text, r"Socket errors|Non-2xx")

    def test_posts_come_back_whole(self):
        server = self.serve("--workers", "2")
        path = self.work + "/post.lua"
        with open(path, "w", encoding="ascii") as script:
            script.write("""
                wrk.method = "POST"
                wrk.body = string.rep("z", 3000)
                function response(status, headers, body)
                  if status ~= 200 or body ~= wrk.body then print("wrong", status, #body) end
                end""")
        text = self.run_program("wrk", "-t", "1", "-c", "8", "-d", "1", "--timeout", "60s", "-s", path,
                                server.url("/echo")).decode()
        self.assertGreater(int(re.search(r"(\d+) requests in", text)[1]), 0)
        self.assertNotRegex(text, r"Socket errors|Non-2xx|wrong")


if __name__ == "__main__":
    unittest.main()
