// A server of somebody else's, for docs/ci.md: node server.js --port N [--slower]
// With --slower each ping copies a list of 50 users first.
const http = require('http');

const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const slower = process.argv.includes('--slower');
const users = Array.from({ length: 50 }, (_, id) => ({ id, name: `user ${id}` }));

http.createServer((request, response) => {
  if (slower) JSON.parse(JSON.stringify(users));
  const body = JSON.stringify(request.url.startsWith('/api/users') ? users : { ok: true });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}).listen(Number(argument('--port')), '127.0.0.1');
