#!/usr/bin/python3
"""Servers that know nothing of our contract, for the load generator: `foreign_servers.py websocket-echo|sse`, and a bad
network in front of one of ours: `foreign_servers.py cut|flip PORT`.

Each prints `listening 127.0.0.1:PORT` once it listens, and runs until it is killed.
"""
import asyncio
import http.server
import itertools
import socket
import sys
import threading
import time


async def websocket_echo():
    import websockets

    async def echo(connection, _path=None):
        async for message in connection:
            await connection.send(message)

    async with websockets.serve(echo, "127.0.0.1", 0, compression=None) as server:
        print("listening 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


def sse():
    """Events without end, about 200 a second, until the client leaves.

    They use what the standard allows and we never send: CR LF, a byte order mark, no space after the colon, unknown fields, a
    retry, an event type.
    """
    class Events(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.end_headers()
            try:
                self.wfile.write("\ufeffretry: 10000\r\n: welcome\r\n\r\n".encode())
                for number in itertools.count(1000):
                    self.wfile.write(b"event:tick\r\nid:%d\r\nunknown: field\r\ndata:%d\r\ndata: and more\r\n\r\n"
                                     % (number, number))
                    time.sleep(0.005)  # the pace of the feed
            except ConnectionError:
                self.close_connection = True

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Events)
    server.daemon_threads = True
    print("listening 127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()


def bad_network(how, port):
    """Passes bytes on to 127.0.0.1:PORT and back. Every fiftieth piece that comes back cuts its connection short of it, or has
    one bit near its end turned.
    """
    pieces = itertools.count(1)

    def pass_on(source, target, damages):
        try:
            while piece := source.recv(1 << 16):
                if damages and next(pieces) % 50 == 0:
                    if how == "cut":
                        target.sendall(piece[:len(piece) // 2])
                        source.shutdown(socket.SHUT_RDWR)
                        break
                    if len(piece) > 60:
                        piece = piece[:-20] + bytes([piece[-20] ^ 1]) + piece[-19:]
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other direction ended it

    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    print("listening 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for ends in ((client, server, False), (server, client, True)):
            threading.Thread(target=pass_on, args=ends, daemon=True).start()


if __name__ == "__main__":
    if sys.argv[1] == "websocket-echo":
        asyncio.run(websocket_echo())
    elif sys.argv[1] == "sse":
        sse()
    else:
        bad_network(sys.argv[1], int(sys.argv[2]))
