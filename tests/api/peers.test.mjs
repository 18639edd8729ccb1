// SPDX-License-Identifier: Apache-2.0
// A real llama-server, built from the same source as the engine, behind Hearth.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { modelFile, startServer } from '../server.mjs';

const llamaServer = process.env.HEARTH_LLAMA_SERVER;
const timed = (name, run) => test(name, { timeout: 120_000, skip: llamaServer ? false : 'HEARTH_LLAMA_SERVER names no llama-server' }, run);
let port;
let peer;
let server;

async function startPeer() {
  peer = spawn(llamaServer, ['-m', modelFile('stories656k'), '-a', 'stories', '--port', String(port), '-c', '1024', '-np', '2', '-t', '2', '--metrics', '--embeddings', '--pooling', 'mean', '--log-disable'], { stdio: 'ignore' });
  const killed = () => peer.kill('SIGKILL');
  process.on('exit', killed);
  for (let i = 0; i < 600; ++i) {
    assert.equal(peer.exitCode, null, 'llama-server ended');
    if ((await fetch(`http://127.0.0.1:${port}/health`).catch(() => ({}))).status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('llama-server was not ready in 30 s');
}
async function stopPeer() {
  const ended = once(peer, 'exit');
  peer.kill('SIGKILL');
  await ended;
}

before(async () => {
  if (!llamaServer) return;
  port = await new Promise((resolve) => { const probe = net.createServer().listen(0, '127.0.0.1', () => { const found = probe.address().port; probe.close(() => resolve(found)); }); });
  await startPeer();
  server = await startServer({ config: `
models: [{name: small, path: ${modelFile('stories656k')}, context: 512, quality: 0.3}]
providers:
  - {name: lab, kind: llama-server, url: "http://127.0.0.1:${port}", zone: device,
     models: [{name: stories, context: 512, quality: 0.7, capabilities: [chat, completion, json, grammar, logprobs, embedding]}]}
routes:
  - {name: both, targets: [lab/stories, local/small], first_token_timeout: 10s}
  - {name: sure, strategy: cascade, targets: [lab/stories, local/small], confidence: 0.01}
` });
});
after(async () => { await server?.stop(); if (peer) await stopPeer(); });

const post = async (path, body) => {
  const response = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.clone().text());
  return response;
};
const events = (text) => text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));
const once20 = { prompt: 'Once upon a time', max_tokens: 20, temperature: 0 };

timed('completions are those of our own engine, whole and streamed', async () => {
  const own = (await (await post('/v1/completions', { model: 'local/small', ...once20 })).json()).choices[0].text;
  const response = await post('/v1/completions', { model: 'lab/stories', ...once20 });
  assert.equal(response.headers.get('x-hearth-target'), 'lab/stories');
  const whole = await response.json();
  assert.equal(whole.choices[0].text, own);
  assert.equal(whole.usage.completion_tokens, 20);
  const parts = events(await (await post('/v1/completions', { model: 'lab/stories', ...once20, stream: true })).text());
  assert.equal(parts.map((part) => part.choices[0]?.text ?? '').join(''), own);
});

timed('chats, grammars, log probabilities and embeddings pass', async () => {
  const messages = [{ role: 'user', content: 'Once' }];
  const held = await (await post('/v1/chat/completions', { model: 'lab/stories', messages, max_tokens: 12, grammar: 'root ::= " the" (" cat" | " dog")' })).json();
  assert.match(held.choices[0].message.content, /^ ?the (cat|dog)$/);
  const told = await (await post('/v1/chat/completions', { model: 'lab/stories', messages, max_tokens: 4, temperature: 0, logprobs: true, top_logprobs: 2 })).json();
  assert.equal(told.choices[0].logprobs.content.length, 4);
  assert.equal(told.choices[0].logprobs.content[0].top_logprobs.length, 2);
  const vector = (await (await post('/v1/embeddings', { model: 'lab/stories', input: 'Once upon a time' })).json()).data[0].embedding;
  assert.equal(vector.length, 128);
  assert.ok(Math.abs(vector.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-3);
});

timed('its token probabilities are the confidence of a cascade', async () => {
  const response = await post('/v1/chat/completions', { model: 'sure', messages: [{ role: 'user', content: 'Once' }], max_tokens: 8, temperature: 0 });
  assert.equal(response.headers.get('x-hearth-target'), 'lab/stories');
  const confidence = Number(response.headers.get('x-hearth-confidence'));
  assert.ok(confidence > 0.01 && confidence < 1, String(confidence));
  await response.text();
});

timed('killed, it is replaced within a stream\'s first content, and comes back', async () => {
  await stopPeer();
  const without = await post('/v1/chat/completions', { model: 'both', messages: [{ role: 'user', content: 'Once' }], max_tokens: 4, stream: true });
  assert.equal(without.headers.get('x-hearth-target'), 'local/small');
  assert.match(without.headers.get('x-hearth-degraded'), /fallback from lab\/stories/);
  assert.doesNotMatch(await without.text(), /"error"/);
  await startPeer();
  for (let i = 0; ; ++i) {
    const response = await post('/v1/chat/completions', { model: 'both', messages: [{ role: 'user', content: 'Once' }], max_tokens: 2 });
    await response.text();
    if (response.headers.get('x-hearth-target') === 'lab/stories') break;
    assert.ok(i < 300, 'it did not come back');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

timed('killed in the middle of an answer, the stream says so', async () => {
  const response = await post('/v1/completions', { model: 'lab/stories', prompt: 'Once', max_tokens: 480, ignore_eos: true, stream: true });
  const reader = response.body.getReader();
  let text = new TextDecoder().decode((await reader.read()).value);
  await stopPeer();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  const finished = events(text).some((event) => event.choices?.[0]?.finish_reason);
  assert.ok(finished || /"error"/.test(text), 'either it was faster than the kill, or it says that it was cut');
  await startPeer();
});
