// SPDX-License-Identifier: Apache-2.0
// Bytes on a socket: framing that two readers could read in two ways, bodies without end, peers that crawl or vanish.
// The whole desync corpus runs in src/net/tests/desync_test.cpp; here the classes of it meet the real program.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { startServer } from '../server.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { await server?.stop(); });

const kTestMs = 120_000;
const timed = (name, run) => test(name, { timeout: kTestMs }, run);

/** A raw connection that collects what comes. */
function connect() {
  const socket = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  const parts = [];
  let wake = () => {};
  socket.on('data', (data) => { parts.push(data); wake(); });
  socket.on('error', () => {});  // a reset is an end too
  const closed = new Promise((resolve) => {
    socket.once('end', () => { socket.end(); resolve(); });
    socket.once('close', resolve);
  });
  closed.then(() => wake());
  const text = () => Buffer.concat(parts).toString('latin1');
  return {
    socket,
    text,
    closed,
    send: (data) => new Promise((resolve) => socket.write(data, resolve)),
    /** Until `pattern` has come. */
    async until(pattern) {
      for (;;) {
        if (pattern.test(text())) return text();
        await new Promise((resolve, reject) => {
          wake = () => (socket.readableEnded && !pattern.test(text()) ? reject(new Error(`closed after: ${text()}`)) : resolve());
        });
      }
    },
  };
}
/** Sends everything and returns all that came until the server closed. */
async function exchange(data) {
  const peer = connect();
  await peer.send(data);
  await peer.closed;
  return peer.text();
}
const answers = (text) => text.match(/HTTP\/1\.1 \d{3}/g) ?? [];

const json = (fields, path = '/v1/completions') => {
  const body = JSON.stringify({ model: 'stories', prompt: 'Once', temperature: 0, max_tokens: 4, ...fields });
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};
const kSmuggled = 'GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n';
const head = (...lines) => `POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n${lines.join('\r\n')}\r\n\r\n`;

const ambiguous = {
  'Content-Length with Transfer-Encoding': head('Content-Length: 5', 'Transfer-Encoding: chunked') + `0\r\n\r\n${kSmuggled}`,
  'Transfer-Encoding with Content-Length': head('Transfer-Encoding: chunked', 'Content-Length: 5') + `0\r\n\r\n${kSmuggled}`,
  'two different lengths': head('Content-Length: 0', `Content-Length: ${kSmuggled.length}`) + kSmuggled,
  'a list of lengths': head('Content-Length: 0, 5') + kSmuggled,
  'a signed length': head('Content-Length: +5') + kSmuggled,
  'a length in hexadecimal': head('Content-Length: 0x5') + kSmuggled,
  'a coding that hides': head('Transfer-Encoding: xchunked') + `0\r\n\r\n${kSmuggled}`,
  'a coding behind a tab': head('Transfer-Encoding:\x0bchunked') + `0\r\n\r\n${kSmuggled}`,
  'chunked that is not last': head('Transfer-Encoding: chunked, identity') + `0\r\n\r\n${kSmuggled}`,
  'a space before the colon': head('Content-Length : 5') + kSmuggled,
  'obsolete folding': head('X-A: b\r\n folded') + kSmuggled,
  'bare line feeds': `GET /v1/models HTTP/1.1\nHost: localhost\n\n${kSmuggled}`,
  'a bare carriage return in a field': head('X-A: b\rContent-Length: 5') + kSmuggled,
  'a zero byte in a field': head('X-A: b\0c') + kSmuggled,
  'a chunk size that overflows': head('Transfer-Encoding: chunked') + `FFFFFFFFFFFFFFFFF\r\n${kSmuggled}`,
  'a chunk size with a sign': head('Transfer-Encoding: chunked') + `-1\r\n${kSmuggled}`,
  'a chunk without its end': head('Transfer-Encoding: chunked') + `1\r\nab\r\n0\r\n\r\n${kSmuggled}`,
  'two Hosts': `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\n\r\n${kSmuggled}`,
  'no Host': `GET /v1/models HTTP/1.1\r\n\r\n${kSmuggled}`,
  'HTTP/0.9': `GET /v1/models\r\n\r\n${kSmuggled}`,
  'HTTP/2 preface': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${kSmuggled}`,
  'a TLS hello': Buffer.from('16030100c8010000c403030d0a0d0a', 'hex'),
};
for (const [name, bytes] of Object.entries(ambiguous)) {
  timed(`refused and closed: ${name}`, async () => {
    const peer = connect();
    await peer.send(bytes);
    await peer.closed;
    const text = peer.text();
    assert.equal(answers(text).length, 1, text);
    assert.match(text, /^HTTP\/1\.1 (400|501|505|413) /);
    assert.doesNotMatch(text, /"object":"list"/);
  });
}

timed('two requests in one packet are answered in order', async () => {
  const peer = connect();
  await peer.send(json({ prompt: 'Once' }) + json({}, '/v1/nope') + kSmuggled);
  const text = await peer.until(/"object":"list".*\}$/s);
  assert.deepEqual(answers(text), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  peer.socket.destroy();
});

timed('100 MB that say so are refused before they are sent', async () => {
  const started = Date.now();
  const text = await exchange(head(`Content-Length: ${100e6}`, 'Expect: 100-continue'));
  assert.match(text, /^HTTP\/1\.1 413 /);
  assert.match(text, /"error":\{"message":".*(64|67)/);
  assert.ok(Date.now() - started < 8000);
});

timed('100 MB that do not say so are refused at the bound', async () => {
  const peer = connect();
  await peer.send(head('Transfer-Encoding: chunked'));
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1 << 20, 'x'), Buffer.from('\r\n')]);
  let sent = 0;
  while (sent < 100 && !peer.socket.destroyed && answers(peer.text()).length === 0) {
    await peer.send(chunk);
    ++sent;
  }
  await peer.closed;
  assert.match(peer.text(), /^HTTP\/1\.1 413 /);
  assert.ok(sent < 100);
});

timed('a head without end is refused', async () => {
  assert.match(await exchange(head(`X-Long: ${'a'.repeat(64 * 1024)}`)), /^HTTP\/1\.1 431 /);
  const many = Array.from({ length: 200 }, (_, i) => `X-${i}: a`);
  assert.match(await exchange(head(...many)), /^HTTP\/1\.1 431 /);
  assert.match(await exchange(`GET /${'a'.repeat(64 * 1024)} HTTP/1.1\r\nHost: localhost\r\n\r\n`), /^HTTP\/1\.1 (414|431) /);
});

timed('a head that crawls is a 408 after ten seconds, whatever it goes on sending', async () => {
  const peer = connect();
  const started = Date.now();
  await peer.send('GET /v1/models HTTP/1.1\r\nX-A: ');
  const drip = setInterval(() => peer.socket.write('a'), 300);
  await peer.closed;
  clearInterval(drip);
  assert.match(peer.text(), /^(HTTP\/1\.1 408 |$)/);
  const seconds = (Date.now() - started) / 1000;
  assert.ok(seconds > 8 && seconds < 20, `${seconds} s`);
});

timed('a body that crawls but moves is served', async () => {
  const peer = connect();
  const request = json({});
  const at = request.length - 20;
  await peer.send(request.slice(0, at));
  for (const byte of request.slice(at)) {
    await peer.send(byte);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.match(await peer.until(/finish_reason/), /^HTTP\/1\.1 200 /);
  peer.socket.destroy();
});

timed('a client that closes its sending side has gone, and is told so where it can still read', async () => {
  const peer = connect();
  await peer.send(endless({}));
  peer.socket.end();
  await peer.closed;
  assert.match(peer.text(), /^HTTP\/1\.1 400 [^]*sending side was closed/);
  assert.ok(JSON.parse(peer.text().split('\r\n\r\n')[1]).error.message);
  await eventually('the slot is free', async () => (await busy('tiny')) === 0);
});

timed('a request cut in the middle is no request', async () => {
  const peer = connect();
  await peer.send(json({}).slice(0, -5));
  peer.socket.end();
  await peer.closed;
  assert.match(peer.text(), /^(HTTP\/1\.1 400 |$)/);
  assert.doesNotMatch(peer.text(), /200 OK/);
});

const slots = async (name) => (await fetch(`${server.url}/slots?model=${name}`)).json();
const busy = async (name) => (await slots(name)).filter((slot) => slot.is_processing).length;
async function eventually(what, condition, ms = 10_000) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`not within ${ms} ms: ${what}`);
}
const endless = (fields) => json({ model: 'tiny', max_tokens: 2000, ignore_eos: true, ...fields });

timed('a client that goes away frees its slot, streaming or not', async () => {
  for (const stream of [true, false]) {
    const peer = connect();
    await peer.send(endless({ stream }));
    await eventually('the request runs', async () => (await busy('tiny')) === 1);
    peer.socket.destroy();
    await eventually('the slot is free', async () => (await busy('tiny')) === 0, 2000);
  }
});

timed('a reader that stops reading stops nobody, and gets everything later', async () => {
  const slow = connect();
  slow.socket.pause();
  await slow.send(endless({ stream: true, max_tokens: 500, seed: 1 }));
  for (let i = 0; i < 3; ++i) {
    const response = await fetch(`${server.url}/v1/completions`,
      { method: 'POST', body: JSON.stringify({ model: 'tiny', prompt: 'hi', max_tokens: 8 }) });
    assert.equal(response.status, 200);
    await response.text();
  }
  slow.socket.resume();
  const text = await slow.until(/data: \[DONE\]/);
  assert.match(text, /"finish_reason":"length"/);
  slow.socket.destroy();
});

timed('after all of it nothing is left running', async () => {
  // A client holds its last byte a moment before its sequence leaves the engine.
  for (const model of ['tiny', 'stories']) await eventually(`${model} is idle`, async () => (await busy(model)) === 0);
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
});
