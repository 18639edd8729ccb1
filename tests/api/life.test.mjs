// SPDX-License-Identifier: Apache-2.0
// The process: how it starts, what it says when it cannot, how it ends, and what is left after kill -9.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { binary, modelFile, startServer, temporaryFolder } from '../server.mjs';
import { startUpstream } from './upstream.mjs';

const timed = (name, run) => test(name, { timeout: 120_000 }, run);
/** Runs the program to its end. */
const hearth = (...args) => new Promise((resolve) => {
  execFile(binary, args, { timeout: 20_000 }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
});
const configured = (text) => {
  const home = temporaryFolder();
  const file = path.join(home, 'config.yaml');
  fs.writeFileSync(file, text);
  return ['serve', '--home', home, '--listen', '127.0.0.1:0', '--config', file];
};

timed('SIGTERM lets streams end, takes nothing new, and ends with 0', async () => {
  const server = await startServer({ config: `shutdown_grace: 50s
models: [{name: tiny, path: ${modelFile('tiny50k')}, context: 2048}]
` });
  const stream = await fetch(`${server.url}/v1/completions`, { method: 'POST', body: JSON.stringify(
    { model: 'tiny', prompt: 'hi', max_tokens: 300, ignore_eos: true, stream: true }) });
  const reader = stream.body.getReader();
  const decoder = new TextDecoder();
  let text = decoder.decode((await reader.read()).value);
  server.signal('SIGTERM');
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoder.decode(part.value);
  assert.match(text, /"finish_reason":"length"/);
  assert.match(text, /data: \[DONE\]\n\n$/);
  assert.equal(await server.ended, 0);
  await assert.rejects(fetch(`${server.url}/health`));
});

timed('streams that outlast the grace get an error event and not a cut', async () => {
  const server = await startServer({ config: `shutdown_grace: 1s
models: [{name: tiny, path: ${modelFile('tiny50k')}, context: 16384, parallel: 1}]
` });
  const stream = await fetch(`${server.url}/v1/completions`, { method: 'POST', body: JSON.stringify(
    { model: 'tiny', prompt: 'hi', max_tokens: 16000, ignore_eos: true, stream: true }) });
  const reader = stream.body.getReader();
  await reader.read();
  const started = Date.now();
  server.signal('SIGTERM');
  let text = '';
  const decoder = new TextDecoder();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoder.decode(part.value);
  } catch { /* the connection may be closed behind the event */ }
  assert.equal(await server.ended, 0);
  assert.ok(Date.now() - started < 8000);
  assert.match(text.slice(-600), /"error"/);
});

timed('answers of other servers that outlast the grace get an error event, too', async () => {
  const upstream = await startUpstream('stalls');
  const server = await startServer({ config: `shutdown_grace: 1s
providers:
  - {name: far, kind: compatible, url: "${upstream.url}", zone: cluster, models: [{name: m}]}
policy: {default_label: public, zones: {device: restricted, cluster: public}}
` });
  const ask = (stream) => fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(
    { model: 'far/m', messages: [{ role: 'user', content: 'hi' }], stream }) });
  const whole = ask(false);
  const stream = await ask(true);
  const reader = stream.body.getReader();
  const decoder = new TextDecoder();
  let text = decoder.decode((await reader.read()).value);
  await upstream.arrived(2);
  server.signal('SIGTERM');
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoder.decode(part.value);
  assert.match(text, /"content":"half"/);
  assert.match(text.slice(-600), /"error".*the server is stopping/);
  const answer = await whole;
  assert.equal(answer.status, 503);
  assert.match((await answer.json()).error.message, /the server is stopping/);
  assert.equal(await server.ended, 0);
  upstream.close();
});

timed('kill -9 while it serves and pulls loses nothing: the next start works on the same home', async () => {
  const home = temporaryFolder();
  const first = await startServer({ home });
  const file = fs.readFileSync(modelFile('stories656k'));
  const { createHash } = await import('node:crypto');
  const digest = `sha256:${createHash('sha256').update(file).digest('hex')}`;
  assert.equal((await fetch(`${first.url}/api/blobs/${digest}`, { method: 'POST', body: file })).status, 201);
  const created = await fetch(`${first.url}/api/create`, { method: 'POST',
    body: JSON.stringify({ model: 'mine', files: { 'a.gguf': digest }, stream: false }) });
  assert.equal(created.status, 200, await created.text());
  const running = fetch(`${first.url}/v1/completions`, { method: 'POST',
    body: JSON.stringify({ model: 'tiny', prompt: 'hi', max_tokens: 2000, ignore_eos: true }) }).catch(() => {});
  const upload = fetch(`${first.url}/api/blobs/sha256:${'0'.repeat(64)}`, { method: 'POST', body: file }).catch(() => {});
  first.signal('SIGKILL');
  await Promise.all([running, upload, first.ended]);

  const second = await startServer({ home });
  const answer = await fetch(`${second.url}/v1/completions`, { method: 'POST',
    body: JSON.stringify({ model: 'mine', prompt: 'Once', max_tokens: 4 }) });
  assert.equal(answer.status, 200, await answer.clone().text());
  await answer.text();
  await second.stop();
});

timed('a port in use is named, and the way out', async () => {
  const other = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address();
  const { code, stderr } = await hearth('serve', '--home', temporaryFolder(), '--listen', `127.0.0.1:${port}`);
  other.close();
  assert.notEqual(code, 0);
  assert.match(stderr, new RegExp(`${port}`));
  assert.match(stderr, /in use/);
  assert.match(stderr, /--listen/);
});

timed('every mistake of a configuration is named with its line', async () => {
  const { code, stderr } = await hearth(...configured(`listen: here
kep_alive: 5m
models:
  - {name: a, path: /no/such/file.gguf}
  - {name: b, context: many}
`));
  assert.notEqual(code, 0);
  assert.match(stderr, /line 1: .*listen/);
  assert.match(stderr, /line 2: .*kep_alive.*keep_alive/);
  assert.match(stderr, /line 4: .*no such file/);
  assert.match(stderr, /line 5: .*context/);
});

timed('a configuration that is no YAML, and a file that is no model', async () => {
  const broken = await hearth(...configured('models: [{'));
  assert.notEqual(broken.code, 0);
  assert.match(broken.stderr, /line \d/);
  const file = path.join(temporaryFolder(), 'no.gguf');
  fs.writeFileSync(file, 'GGUF but no more');
  const server = await startServer({ config: `models: [{name: bad, path: ${file}}]\n` }).catch((error) => error);
  if (server instanceof Error) {
    assert.match(server.message, /bad|no\.gguf/);
  } else {
    const answer = await fetch(`${server.url}/v1/completions`, { method: 'POST', body: JSON.stringify({ model: 'bad', prompt: 'x' }) });
    assert.ok([400, 422, 500].includes(answer.status));
    assert.match((await answer.json()).error.message, /GGUF|truncated|end of the file/i);
    await server.stop();
  }
});

timed('the log has a line for each request, never its content, and /metrics counts it', async () => {
  const server = await startServer({ config: `log: {format: json}
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}]
` });
  const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(
    { model: 'stories', messages: [{ role: 'user', content: 'zebra unicorn' }], max_tokens: 4 }) });
  const id = answer.headers.get('x-request-id');
  const said = (await answer.json()).choices[0].message.content;
  const text = await (await fetch(`${server.url}/metrics`)).text();
  await server.stop();
  const lines = server.log().trim().split('\n').map((line) => JSON.parse(line));
  const request = lines.find((line) => Object.values(line).includes(id));
  assert.ok(request, server.log());
  assert.doesNotMatch(server.log(), /zebra|unicorn/);
  assert.ok(!server.log().includes(said.trim()) || said.trim().length < 4);
  for (const family of ['queue', 'first_token', 'token', 'cells', 'loaded', 'memory|bytes']) {
    assert.match(text, new RegExp(`^hearth_[a-z_]*(${family})[a-z_]*(\\{.*\\})? [0-9.e+-]+$`, 'm'));
  }
  assert.match(text, /^# TYPE hearth_\w+ histogram$/m);
});
