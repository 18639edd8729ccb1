// SPDX-License-Identifier: Apache-2.0
// More work than the machine takes at once: everybody is answered or told when to come back, and nothing is mixed up.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { modelFile, startServer } from '../server.mjs';

const kConfig = `models:
  - {name: narrow, path: ${modelFile('tiny50k')}, context: 2048, parallel: 1, max_queue: 2}
  - {name: tight, path: ${modelFile('stories656k')}, context: 512, parallel: 8, cells: 768}
  - {name: wide, path: ${modelFile('stories656k')}, context: 256, parallel: 16}
`;
let server;
before(async () => { server = await startServer({ config: kConfig }); });
after(async () => { await server?.stop(); });

const complete = (fields, signal) => fetch(`${server.url}/v1/completions`, { method: 'POST', signal,
  body: JSON.stringify({ prompt: 'Once upon a time', temperature: 0, max_tokens: 16, ...fields }) });
const queued = async (name) => {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^hearth_engine_sequences_queued\\{model="${name}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
};
const slots = async (name) => (await fetch(`${server.url}/slots?model=${name}`)).json();
async function eventually(what, condition, ms = 10_000) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`not within ${ms} ms: ${what}`);
}

test('a full queue is a 429 that says when to come back, and those in it are served', { timeout: 60_000 }, async () => {
  const stop = new AbortController();
  const hog = complete({ model: 'narrow', max_tokens: 2000, ignore_eos: true }, stop.signal).catch(() => {});
  await eventually('the hog runs', async () => (await slots('narrow')).some((slot) => slot.is_processing));
  const waiting = [complete({ model: 'narrow', max_tokens: 4 }), complete({ model: 'narrow', max_tokens: 4 })];
  await eventually('two wait', async () => (await queued('narrow')) === 2);

  const refused = await complete({ model: 'narrow', max_tokens: 4 });
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers.get('retry-after')) >= 1);
  assert.match((await refused.json()).error.message, /queue|busy|wait/);
  const ollama = await fetch(`${server.url}/api/generate`,
    { method: 'POST', body: JSON.stringify({ model: 'narrow', prompt: 'hi', stream: false }) });
  assert.equal(ollama.status, 503);
  await ollama.text();

  stop.abort();
  await hog;
  for (const response of await Promise.all(waiting)) assert.equal(response.status, 200);
});

test('a queued client that goes away leaves the queue', { timeout: 60_000 }, async () => {
  const stop = new AbortController();
  const hog = complete({ model: 'narrow', max_tokens: 2000, ignore_eos: true }, stop.signal).catch(() => {});
  await eventually('the hog runs', async () => (await slots('narrow')).some((slot) => slot.is_processing));
  const leaving = new AbortController();
  const waiting = complete({ model: 'narrow' }, leaving.signal).catch(() => {});
  await eventually('one waits', async () => (await queued('narrow')) === 1);
  leaving.abort();
  await waiting;
  await eventually('nobody waits', async () => (await queued('narrow')) === 0);
  stop.abort();
  await hog;
});

test('64 streams at once end with what each says alone', { timeout: 120_000 }, async () => {
  const prompts = ['Once upon a time', 'The dog', 'One day', 'Lily saw a'];
  const text = async (response) => {
    let out = '';
    for (const line of (await response.text()).split('\n')) {
      if (line.startsWith('data: {')) out += JSON.parse(line.slice(6)).choices[0]?.text ?? '';
    }
    return out;
  };
  const alone = [];
  for (const prompt of prompts) alone.push(await text(await complete({ model: 'wide', prompt, stream: true })));
  assert.ok(new Set(alone).size === prompts.length);
  const together = await Promise.all(Array.from({ length: 64 }, async (_, i) => {
    const response = await complete({ model: 'wide', prompt: prompts[i % prompts.length], stream: true });
    assert.equal(response.status, 200);
    return text(response);
  }));
  const same = together.filter((got, i) => got === alone[i % prompts.length]).length;
  assert.equal(same, 64);
});

test('long requests that do not fit together all end, none fails for another', { timeout: 120_000 }, async () => {
  // 6 answers of 400 tokens want 2,400 cells of 768: they wait or are computed again.
  const responses = await Promise.all(Array.from({ length: 6 }, (_, i) =>
    complete({ model: 'tight', prompt: `Once upon a time there were ${'very '.repeat(i)}big dogs`, max_tokens: 400, ignore_eos: true })));
  for (const response of responses) {
    const body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body).slice(0, 300));
    assert.equal(body.usage.completion_tokens, 400);
  }
});

test('clients that come and go at random leave nothing behind', { timeout: 60_000 }, async () => {
  await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const leave = new AbortController();
    const timer = setTimeout(() => leave.abort(), (i * 37) % 300);
    try {
      await (await complete({ model: 'wide', max_tokens: 200, ignore_eos: true, stream: i % 2 === 0 }, leave.signal)).text();
    } catch (error) {
      assert.equal(error.name, 'AbortError');
    } finally {
      clearTimeout(timer);
    }
  }));
  await eventually('all slots are free', async () => !(await slots('wide')).some((slot) => slot.is_processing));
  const response = await complete({ model: 'wide' });
  assert.equal(response.status, 200);
  assert.equal((await response.json()).usage.completion_tokens, 16);
});

test('two uploads of one blob at once do not write into each other', { timeout: 30_000 }, async () => {
  const right = Buffer.alloc(200_000, 'a');
  const wrong = Buffer.alloc(200_000, 'b');
  const digest = createHash('sha256').update(right).digest('hex');
  const upload = (bytes) => new Promise((resolve, reject) => {
    const request = http.request(`${server.url}/api/blobs/sha256:${digest}`, { method: 'POST', headers: { 'content-length': bytes.length } },
      (response) => { response.resume(); resolve(response.statusCode); });
    request.on('error', reject);
    let at = 0;
    const more = () => { if (at >= bytes.length) { request.end(); return; } request.write(bytes.subarray(at, at += 20_000)); setTimeout(more, 2); };
    more();
  });
  assert.deepEqual(await Promise.all([upload(right), upload(wrong)]), [201, 400]);
  assert.equal((await fetch(`${server.url}/api/blobs/sha256:${digest}`, { method: 'HEAD' })).status, 200);
  assert.equal((await fetch(`${server.url}/api/blobs/sha256:${digest}`, { method: 'POST' })).status, 400, 'no body at all');
});

test('a context beyond the training is for the configuration to give, and what is cut is said', { timeout: 60_000 }, async () => {
  const ask = async (num_ctx) => {
    const response = await fetch(`${server.url}/api/generate`, { method: 'POST', body: JSON.stringify(
      { model: 'wide', prompt: 'Once', stream: false, options: { num_ctx, num_predict: 2 } }) });
    assert.equal(response.status, 200, await response.text());
    return response.headers.get('x-hearth-degraded');
  };
  assert.match(await ask(100_000), /^num_ctx=512;asked=100000\b/);
  assert.doesNotMatch(await ask(512) ?? '', /num_ctx/);
});
