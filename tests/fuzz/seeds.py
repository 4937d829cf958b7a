#!/usr/bin/env python3
"""Writes the named seeds of tests/fuzz/corpus: vectors of the codecs' tests and of docs/wire-contract.md, each behind the
parameter bytes its target reads first (see one_input() of the target). What chance found stands beside them as auto-*."""
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CRLF = b"\r\n"


def put(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def utf8():
    for name, text in {"characters": "aé€😀\u07ff\u0800\uffff\U00010000\U0010ffff".encode(), "surrogate": b"a\xed\xa0\x80b",
                       "overlong": b"\xc0\x80\xe0\x80\x80\xf0\x80\x80\x80", "too_large": b"\xf4\x90\x80\x80\xf5",
                       "subparts": b"\xff\xc3x\xf0\x9f\x98", "long_ascii": b"x" * 150 + b"\xc3" + b"y" * 80}.items():
        put("utf8", name, b"\0\1" + text)


def message():
    put("message", "filler", b"\0\2" + b"d0010020000030000000000000400" + b"x" * 70)
    put("message", "short", b"\1\2d00")


def lines():
    for name, text in {"messages": b"one\n\\\\two\\n\\r\n\n\\e\n", "lagged": b"\\lagged 12\n\\lagged 0\n\\lagged x\nrest",
                       "malformed": b"\\x\nafter\n\\\n", "huge_number": b"\\lagged 18446744073709551616\n"}.items():
        put("lines", name, b"\0\3" + text)


def tcp_frame():
    def tcp(kind, payload):
        return struct.pack(">I", kind << 24 | len(payload)) + payload
    put("tcp_frame", "frames", b"\0\1" + tcp(0, b"echo") + tcp(1, b"t now") + tcp(2, b"t hello") + tcp(3, b""))
    put("tcp_frame", "unknown_type", b"\0\1" + tcp(0, b"x") + b"\4\0\0\0")
    put("tcp_frame", "announced", b"\0\1" + b"\2\xff\xff\xff" + b"abc")


def sse():
    golden = (b"\xef\xbb\xbfretry: 10\r\nid: 1\r\ndata: one\r\n\r\nid:2\rdata: two\rdata:  lead\r\r: comment\n:\nid: 3\ndata:three\n\n"
              b"event: foo\ndata\n\nid: a\0b\ndata: nul\n\nevent: bar\n\nData: no\n data: no\nunknown: x\n\n"
              b"retry: 10x\nretry: -1\nid: 9\ndata: unterminated\n")
    for name, text in {"golden": golden, "ours": b"id: 12\ndata: hello\n\n:\nevent: lagged\ndata: 7\n\n", "two_marks": b"\xef\xbb\xbf" * 2 + b"data: x\n\n",
                       "almost_mark": b"\xef\xbbdata: x\n\n", "broken_utf8": b"data: \xff\xc3x\xf0\x9f\x98\nid: \xff\nevent: \xc0\n\n",
                       "ends": b"data\ndata\n\ndata:\n\ndata: \n\ndata:x:y\r\n\r\n", "retry": b"retry: 18446744073709551616\nretry:0005\n\n",
                       "blocks": b"data: 0123456789012345\nid: 1 2 \n\ndata: 01234567890123\r456\r\r"}.items():
        put("sse", name, b"\0\1" + text)


def http1_request():
    host = b"Host: a\r\n"
    vectors = {
        "get": b"GET /poll?topic=a&after=3 HTTP/1.1\r\n" + host + CRLF, "post": b"POST /echo HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhello",
        "chunked": b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n",
        "pipelined": b"GET / HTTP/1.1\r\n" + host + CRLF + b"HEAD /b HTTP/1.0\r\n\r\nGET /c HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n",
        "absolute": b"\r\nOPTIONS http://a:1?q HTTP/1.1\r\nHost: [::1]:9\r\nconnection: Upgrade, close\r\n\r\n",
        "upgrade": b"GET /ws HTTP/1.1\r\n" + host + b"Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
        "expect": b"PUT /x HTTP/1.1\r\n" + host + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "star": b"OPTIONS * HTTP/1.1\r\n" + host + CRLF,
        "H1_01": b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "H1_03": b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 18446744073709551616\r\n\r\n", "H1_04": b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        "H1_07": b"GET / HTTP/1.1\r\n" + host + b"A: b\r\n c\r\n\r\n", "H1_08": b"GET / HTTP/1.1\nHost: a\n\n", "H1_10": b"GET / HTTP/9.9\r\n" + host + CRLF,
        "no_end": b"GET /\x80",
    }
    for name, text in vectors.items():
        put("http1_request", name, b"\0\1\3" + text)
    put("http1_request", "body_max", b"\0\1\1POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n")


def http1_response():
    ok = b"HTTP/1.1 200 OK\r\n"
    vectors = {
        "length": ok + b"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", "chunked": ok + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "two": ok + b"content-length: 1\r\n\r\nxHTTP/1.1 204 No Content\r\ncache-control: no-store\r\n\r\n" + ok + b"content-length: 0\r\n\r\n",
        "until_close": b"HTTP/1.0 200\r\n\r\nall that comes", "interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + ok + b"content-length: 0\r\n\r\n",
        "many_interim": b"HTTP/1.1 103 E\r\n\r\n" * 11 + ok + CRLF, "both": ok + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "status_000": b"HTTP/1.1 000 X\r\n\r\n",
        "gzip": ok + b"transfer-encoding: gzip\r\n\r\n", "not_modified": b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", "switch": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    }
    for name, text in vectors.items():
        put("http1_response", name, b"\0\1\0" + text)
    put("http1_response", "head", b"\0\1\1" + ok + b"content-length: 100\r\n\r\n" + ok + b"content-length: 1\r\n\r\nx")


def chunked():
    for name, text in {"body": b"5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nT: u\r\nV:\r\n\r\nnext", "empty": b"0\r\n\r\n", "zeros": b"0" * 17 + CRLF, "most": b"f" * 16 + b"\r\nx",
                       "negative": b"-2\r\n", "framing": b"0\r\nContent-Length: 5\r\n\r\n", "no_crlf": b"1\r\nxy", "lf": b"1\nx\n0\n\n", "two_extensions": b"1;a\r\nx\r\n1;b\r\ny\r\n0;c\r\n\r\n",
                       "bad_trailer": b"0\r\n: x\r\n\r\n", "lone_cr": b"0\r\na: b\rc\r\n\r\n"}.items():
        put("chunked", name, b"\0\1\0" + text)
    put("chunked", "for_a_client", b"\0\1\1" + b"1;" + b"e" * 300 + b"\r\nx\r\n0\r\n\r\n")


def websocket():
    def ws(first, payload, mask=b"\x37\xfa\x21\x3d", width=0):
        n = len(payload)
        size = bytes([(0x80 if mask else 0) | (n if width == 0 else 126 if width == 2 else 127)]) + (n.to_bytes(width, "big") if width else b"")
        return bytes([first]) + size + (mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if mask else payload)
    vectors = {
        "hello": ws(0x81, b"Hello"), "fragments": ws(1, b"Hel") + ws(0x89, b"ping") + ws(0, b"") + ws(0x80, b"lo"), "split_utf8": ws(1, b"\xe2\x82") + ws(0x80, b"\xac"),
        "bad_utf8": ws(1, b"ok\xed") + ws(0x80, b"\xa0\x80"), "close": ws(0x88, b"\x03\xe8bye") + ws(0x81, b"ignored"), "close_1": ws(0x88, b"x"), "close_1005": ws(0x88, b"\x03\xed"),
        "length_126": ws(0x82, b"x" * 126, width=2), "not_minimal": ws(0x82, b"x", width=2), "length_64": ws(0x82, b"x", width=8), "top_bit": b"\x82\xff\x80" + b"\0" * 7,
        "announced": b"\x82\xff" + (1 << 23).to_bytes(8, "big") + b"\1\2\3\4data", "rsv": ws(0xc1, b"x"), "orphan": ws(0x80, b"x"), "nested": ws(1, b"x") + ws(0x81, b"y"),
        "long_ping": b"\x89\xfe\x00\x7e", "unmasked": ws(0x81, b"x", mask=b""), "pongs": ws(0x8a, b"") + ws(0x8a, b"x" * 125) + ws(0x88, b""),
    }
    for name, data in vectors.items():
        put("websocket", name, b"\0\1\0" + data)
    put("websocket", "for_a_client", b"\0\1\1" + ws(0x81, b"Hello", mask=b"") + ws(0x88, b"", mask=b""))
    put("websocket", "small_cap", b"\0\1\6" + ws(2, b"x" * 30) + ws(0, b"") * 2 + ws(0, b"y" * 11))
    put("websocket", "empty_fragments", b"\0\1\4" + ws(2, b"") + ws(0, b"") * 4)


def websocket_handshake():
    good = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    for name, text in {"accepted": good + b"\r\n\x81\x00", "extension": good + b"Sec-WebSocket-Extensions: x\r\n\r\n", "wrong_accept": good.replace(b"s3p", b"s3q") + CRLF,
                       "refused": b"HTTP/1.1 503 Full\r\nretry-after: 1\r\n\r\n", "status": b"HTTP/1.1 1000 X\r\n\r\n", "key": b"dGhlIHNhbXBsZSBub25jZQ==",
                       "request": b"GET /ws?topic=t HTTP/1.1\r\nhost: a\r\nupgrade: x, WebSocket\r\nconnection: Upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"}.items():
        put("websocket_handshake", name, b"\0\1" + text)


def text():
    for name, data in {"query": b"topic=a&after=now&timeout=500ms&topic", "number": b"18446744073709551615", "duration": b"1.5s", "minutes": b"2m", "address": b"127.0.0.1:8080", "v6": b"[::1]:80",
                       "escapes": b"a%20b%zz", "bracket": b"[:1", "topic": b"feed.A_b~c-9", "huge": b"999999999h"}.items():
        put("text", name, b"\0" + data)


def http2():
    request = bytes([0x40, 1, 1, 0])  # a GET by number, END_STREAM
    for name, data in {
        "get": b"\2" + request, "post": b"\2" + bytes([0x40, 0, 1, 0x20, 0, 1, 1, 3]) + b"abc", "rapid_reset": b"\2" + b"".join(bytes([0x40, 1, i, 0, 3, 0, i, 4, 0, 0, 0, 8]) for i in range(1, 40, 2)),
        "ping_flood": b"\2" + bytes([0x60, 0, 0, 40]), "settings_flood": b"\2" + bytes([0x60 + 4, 0, 0, 200]), "empty_data": b"\2" + bytes([0x40, 0, 1, 0x20]) + bytes([0, 0, 1, 0]) * 4,
        "continuations": b"\2" + bytes([1, 0, 1, 1, 0x82]) + bytes([9, 0, 1, 0]) * 12, "skipped_id": b"\2" + bytes([0x40, 1, 9, 0, 0x40, 1, 5, 0]), "raw": b"\0" + frame(1, 5, 1, b"\x82\x86\x84\x41\x01a"),
        "large_frame": b"\2" + bytes([0x40, 0, 1, 0x20, 0, 1, 1, 0xff]), "windows": b"\2" + bytes([8, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff, 8, 0, 1, 4, 0, 0, 0, 0]),
        "goaway": b"\2" + bytes([7, 0, 0, 8]) + b"\0" * 8, "answer": b"\3" + bytes([0x40, 0, 1, 4, 0, 1, 1, 3]) + b"abc" + bytes([0x40, 1, 3, 2, 3, 0, 5, 4, 0, 0, 0, 7]),
        "push": b"\3" + bytes([5, 4, 1, 4, 0, 0, 0, 2]), "informational": b"\3" + bytes([0x40, 0, 1, 1]) * 3 + bytes([0x40, 1, 1, 3]), "bad_preface": b"\4PRI * HTTP/2.1\r\n",
    }.items():
        put("http2_wire", name, b"\0\1" + data)
    answer = bytes([0x40, 0, 1, 4, 0, 1, 1, 3]) + b"abc"
    second = bytes([0x40, 1, 3, 0, 0x40, 1, 5, 3])
    for name, data in {"answers": b"\1\1\0" + answer + second, "pieces": b"\3\0\7" + answer + second, "goaway": b"\1\1\0" + bytes([7, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0]) + answer,
                       "refused": b"\1\1\0" + bytes([3, 0, 1, 4, 0, 0, 0, 7, 3, 0, 3, 4, 0, 0, 0, 8]), "cancel": b"\5\1\0" + answer, "garbage": b"\0\1\0HTTP/1.1 400 Bad Request\r\n\r\n"}.items():
        put("http2_lane", name, data)


def server():
    def phrase(conn, n):
        return bytes([1 << 2 | conn, n])

    def wait(n):
        return bytes([3 << 2, n, n])
    h2 = phrase(0, 11) + bytes([2 << 2, 4, 0, 0, 0])
    for name, data in {
        "pushes": phrase(0, 0) + phrase(1, 1) + phrase(2, 2) + phrase(3, 3) + wait(100), "websocket": phrase(0, 4) + phrase(1, 3) + phrase(0, 18) + phrase(0, 16) + phrase(0, 17),
        "echo_ws": phrase(0, 5) + phrase(0, 18) + phrase(0, 15) + bytes([4 << 2, 1]) + phrase(0, 16) * 5, "feed": phrase(0, 6) + phrase(1, 2) + phrase(2, 12) + wait(200) + phrase(0, 7),
        "chunked": phrase(0, 8) + phrase(0, 9) + phrase(0, 10), "tcp": phrase(0, 12) + phrase(1, 13) + phrase(2, 14), "slowloris": bytes([0, 5]) + b"GET /" + wait(255) * 5,
        "h2": h2 + bytes([2 << 2, 0x40, 1, 1, 3]) + phrase(1, 3) + wait(10) + bytes([2 << 2, 3, 0, 1, 4, 0, 0, 0, 8]), "half": phrase(0, 0) + bytes([6 << 2]) + wait(255),
        "flood": phrase(0, 19) + bytes([7 << 2, 18]) + b"GET /healthz HTTP/" + bytes([50]), "leave": phrase(0, 1) + bytes([5 << 2, 1]) + phrase(1, 3), "over_the_cap": phrase(0, 0) + phrase(1, 0) + phrase(2, 0),
    }.items():
        put("server", name, b"\0" + data)
        put("server", name + "_cut", b"\x3f\x04" + data)
    put("server", "destroyed", b"\x40" + phrase(0, 0) + phrase(1, 1) + phrase(2, 4) + h2)


def files():
    for suite in ("smoke", "quick", "card"):
        put("suite", suite, (ROOT / "bench/suites" / f"{suite}.toml").read_bytes())
    put("suite", "short", b'[[cells]]\nworkload = "rpc"\nrows = ["tcp"]\nrate = 10\n')
    put("suite", "wrong", b'rounds = 0\n[[cells]]\nworkload = "rcp"\nwindow = "1x"\n')
    for target in ("results_file", "run_record"):
        put(target, "empty", b"\0{}")
        put(target, "deep", b"\0" + b"[" * 300)
        put(target, "number", b'\0{"a":1e999,"b":-0,"c":18446744073709551616}')
        put(target, "not_utf8", b'\0{"\xff":1}')
        put(target, "good", b"\1")
        put(target, "a_digit", b"\1\x01\x00\x01\x019")
        put(target, "a_hole", b"\1\x00\x80\x1f\x00")


for write in (utf8, message, lines, tcp_frame, sse, http1_request, http1_response, chunked, websocket, websocket_handshake, text, http2, server, files):
    write()
