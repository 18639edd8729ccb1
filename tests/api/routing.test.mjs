// SPDX-License-Identifier: Apache-2.0
// Hearth in front of its own model, of another Hearth and of a server that misbehaves: where requests go, and what
// clients see when the places they went to fail.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { modelFile, startServer } from '../server.mjs';
import { startUpstream } from './upstream.mjs';

const timed = (name, run) => test(name, { timeout: 120_000 }, run);
let upstream;
let near;
let server;
before(async () => {
  upstream = await startUpstream();
  near = await startServer({ config: `models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}]\n` });
  process.env.UPSTREAM_KEY = 'sk-test-secret';
  server = await startServer({ config: `
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512, parallel: 4, quality: 0.3}]
providers:
  - {name: near, kind: hearth, url: "${near.url}", zone: cluster, models: [{name: big, model: stories, context: 512, quality: 0.6, capabilities: [chat, completion, logprobs, json], price: {input: 1, output: 2}}]}
  - {name: far, kind: openai, url: "${upstream.url}/v1", key: "\${UPSTREAM_KEY}", zone: cloud, idle_timeout: 3s, models: [{name: gpt, model: up-1, quality: 0.9, capabilities: [chat, tools], price: {input: 2, output: 10}}]}
  - {name: asanthropic, kind: anthropic, url: "${near.url}", zone: cluster, models: [{name: m, model: stories, capabilities: [chat]}]}
  - {name: asollama, kind: ollama, url: "${near.url}", zone: cluster, models: [{name: m, model: stories, capabilities: [chat, completion]}]}
  - {name: relay, kind: ollama, url: "${upstream.url}", zone: device, models: [{name: passed}, {name: own}]}
  - {name: gone, kind: openai, url: "http://127.0.0.1:1", zone: cloud, models: [{name: gpt, capabilities: [chat]}]}
routes:
  - {name: cloudy, targets: [far/gpt, local/stories], first_token_timeout: 1s, retries: 0}
  - {name: only, targets: [far/gpt], first_token_timeout: 1s, retries: 0}
  - {name: patient, targets: [far/gpt], retries: 3}
  - {name: lost, targets: [gone/gpt, near/big, local/stories]}
  - {name: auto, strategy: cascade, targets: [local/stories, near/big], confidence: 0.99}
policy:
  default_label: public
  zones: {device: restricted, cluster: confidential, cloud: public}
  rules: [{deny: {target: "far/*", principal: nobody}}]
` });
});
after(async () => { await server?.stop(); await near?.stop(); upstream?.close(); });
beforeEach(() => { upstream.behave('good'); upstream.requests.length = 0; });

const chat = (model, fields = {}, headers = {}) => fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers,
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Once' }], max_tokens: 8, temperature: 0, ...fields }) });
const said = async (response) => (await response.json()).choices[0].message.content;
/** Lets a breaker that an earlier test opened close again. */
async function healed(model) {
  for (let i = 0; i < 200; ++i) {
    const response = await chat(model);
    const target = response.headers.get('x-hearth-target');
    await response.text();
    if (target === 'far/gpt') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('the target stayed away');
}

timed('models of a machine in the cloud are asked what the cloud may see, and say where they stand', async () => {
  const rented = await startServer({ config: `zone: cloud
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}]
policy: {zones: {device: restricted, cloud: public}}
` });
  const ask = (label) => fetch(`${rented.url}/v1/chat/completions`, { method: 'POST', headers: { 'x-hearth-label': label },
    body: JSON.stringify({ model: 'stories', messages: [{ role: 'user', content: 'Once' }], max_tokens: 2 }) });
  const refused = await ask('confidential');
  assert.equal(refused.status, 403, await refused.text());
  const response = await ask('public');
  assert.equal(response.status, 200, await response.text());
  assert.equal(response.headers.get('x-hearth-zone'), 'cloud');
  await rented.stop();
});

timed('a remote model answers by its name, with the key, under the server\'s own name', async () => {
  const response = await chat('far/gpt', { seed: 7 });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('x-hearth-target'), 'far/gpt');
  assert.equal(response.headers.get('x-hearth-zone'), 'cloud');
  const body = await response.json();
  assert.equal(body.choices[0].message.content, 'from upstream');
  assert.deepEqual([body.usage.prompt_tokens, body.usage.completion_tokens], [7, 2]);
  const [sent] = upstream.requests;
  assert.equal(sent.url, '/v1/chat/completions');
  assert.equal(sent.headers.authorization, 'Bearer sk-test-secret');
  assert.equal(sent.body.model, 'up-1');
  assert.equal(sent.body.max_completion_tokens, 8);
  assert.equal(sent.body.seed, 7);
});

timed('a server of the client\'s own protocol gets what the client wrote, known here or not', async () => {
  const fields = { user: 'u-1', prompt_cache_key: 'k', verbosity: 'low', store: true };
  const response = await chat('only', { ...fields, brand_new: { x: [1, 2.50] } });
  assert.equal(response.status, 200, await response.text());
  const [sent] = upstream.requests;
  assert.deepEqual(sent.body, { model: 'up-1', stream: true, stream_options: { include_usage: true }, max_completion_tokens: 8,
    messages: [{ role: 'user', content: 'Once' }], temperature: 0, ...fields, brand_new: { x: [1, 2.5] } });
  // Where another target might answer, what is known to be theirs alone decides, and what may be a typing error does not.
  const elsewhere = await chat('cloudy', fields);
  assert.equal(elsewhere.headers.get('x-hearth-target'), 'far/gpt');
  const typo = await chat('cloudy', { temprature: 1 });
  assert.equal(typo.status, 400);
  assert.match((await typo.json()).error.message, /temprature is not a known field; did you mean 'temperature'/);
  const local = await chat('local/stories', { verbosity: 'low' });
  assert.equal(local.status, 400);
  assert.match((await local.json()).error.message, /verbosity is not supported/);
});

timed('a body of 2 MB arrives whole', async () => {
  const content = 'Once upon a "time" \\ '.repeat(100_000);
  const response = await chat('far/gpt', { messages: [{ role: 'user', content }] });
  assert.equal(response.status, 200);
  assert.equal(upstream.requests[0].body.messages[0].content, content);
});

timed('any client API goes to a remote model: Anthropic\'s and Ollama\'s too', async () => {
  const anthropic = await fetch(`${server.url}/v1/messages`, { method: 'POST', body: JSON.stringify(
    { model: 'far/gpt', max_tokens: 8, system: 'be brief', messages: [{ role: 'user', content: 'hi' }] }) });
  const message = await anthropic.json();
  assert.equal(message.content[0].text, 'from upstream');
  assert.equal(message.usage.input_tokens, 7);
  const ollama = await fetch(`${server.url}/api/chat`, { method: 'POST', body: JSON.stringify(
    { model: 'far/gpt', stream: false, messages: [{ role: 'user', content: 'hi' }] }) });
  assert.equal((await ollama.json()).message.content, 'from upstream');
  const responses = await fetch(`${server.url}/v1/responses`, { method: 'POST', body: JSON.stringify({ model: 'far/gpt', input: 'hi' }) });
  assert.equal((await responses.json()).output[0].content[0].text, 'from upstream');
  assert.deepEqual(upstream.requests[0].body.messages[0], { role: 'system', content: 'be brief' });
});

timed('another Hearth is a provider, streamed and whole', async () => {
  const alone = await (await fetch(`${near.url}/v1/completions`, { method: 'POST', body: JSON.stringify(
    { model: 'stories', prompt: 'Once upon a time', max_tokens: 12, temperature: 0 }) })).json();
  const through = await fetch(`${server.url}/v1/completions`, { method: 'POST', body: JSON.stringify(
    { model: 'near/big', prompt: 'Once upon a time', max_tokens: 12, temperature: 0 }) });
  const body = await through.json();
  assert.equal(body.choices[0].text, alone.choices[0].text);
  assert.deepEqual(body.usage.completion_tokens, 12);
});

/** One question to `model` through each client API; the answer's text. */
const clients = {
  openai: async (model, stream) => {
    const response = await chat(model, { stream, max_tokens: 12 });
    assert.equal(response.status, 200, await response.clone().text());
    if (!stream) return (await response.json()).choices[0].message.content;
    return events(await response.text()).map((e) => e.choices[0]?.delta.content ?? '').join('');
  },
  anthropic: async (model, stream) => {
    const response = await fetch(`${server.url}/v1/messages`, { method: 'POST', body: JSON.stringify(
      { model, stream, max_tokens: 12, temperature: 0, messages: [{ role: 'user', content: 'Once' }] }) });
    assert.equal(response.status, 200, await response.clone().text());
    if (!stream) return (await response.json()).content[0].text;
    return events(await response.text()).map((e) => e.delta?.text ?? '').join('');
  },
  ollama: async (model, stream) => {
    const response = await fetch(`${server.url}/api/chat`, { method: 'POST', body: JSON.stringify(
      { model, stream, options: { num_predict: 12, temperature: 0 }, messages: [{ role: 'user', content: 'Once' }] }) });
    assert.equal(response.status, 200, await response.clone().text());
    if (!stream) return (await response.json()).message.content;
    return (await response.text()).trim().split('\n').map((line) => JSON.parse(line).message?.content ?? '').join('');
  },
  responses: async (model, stream) => {
    const response = await fetch(`${server.url}/v1/responses`, { method: 'POST', body: JSON.stringify(
      { model, stream, max_output_tokens: 12, temperature: 0, input: 'Once' }) });
    assert.equal(response.status, 200, await response.clone().text());
    if (!stream) return (await response.json()).output[0].content[0].text;
    return events(await response.text()).filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join('');
  },
};
const events = (text) => text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));

for (const client of Object.keys(clients)) {
  for (const model of ['near/big', 'asanthropic/m', 'asollama/m']) {
    timed(`${client} in, ${model} out: the same answer, whole and streamed`, async () => {
      const alone = (await (await fetch(`${near.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(
        { model: 'stories', messages: [{ role: 'user', content: 'Once' }], max_tokens: 12, temperature: 0 }) })).json()).choices[0].message.content;
      assert.ok(alone.length > 5);
      assert.equal(await clients[client](model, false), alone);
      assert.equal(await clients[client](model, true), alone);
    });
  }
}

timed('what the protocol cannot carry is a 400 that names it, and nothing is sent', async () => {
  const response = await chat('far/gpt', { mirostat: 2 });
  assert.equal(response.status, 400);
  assert.match((await response.json()).error.message, /mirostat/);
  assert.equal(upstream.requests.length, 0);
});

timed('a label above the zone\'s ceiling never leaves, whatever model was named', async () => {
  for (const model of ['far/gpt', 'only']) {
    const response = await chat(model, {}, { 'x-hearth-label': 'internal' });
    assert.equal(response.status, 403);
    assert.match((await response.json()).error.message, /internal/);
  }
  const kept = await chat('cloudy', {}, { 'x-hearth-label': 'restricted' });
  assert.equal(kept.headers.get('x-hearth-target'), 'local/stories');
  await kept.text();
  assert.equal(upstream.requests.length, 0);
  const typo = await chat('cloudy', {}, { 'x-hearth-label': 'resticted' });
  assert.equal(typo.status, 400);
});

const bad = ['silent', 'late', 'limited', 'broken', 'malformed', 'notSse', 'failsFirst', 'hugeLine', 'wrongKey', 'tooLong'];
for (const behaviour of bad) {
  timed(`an upstream that is ${behaviour} is replaced unseen`, async () => {
    await healed('cloudy');
    upstream.requests.length = 0;
    upstream.behave(behaviour);
    for (const stream of [false, true]) {
      const response = await chat('cloudy', { stream });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('x-hearth-target'), 'local/stories');
      const text = await response.text();
      assert.doesNotMatch(text, /"error"/);
    }
    assert.ok(upstream.requests.length >= 1);
    upstream.behave('good');
    await healed('cloudy');
  });
}

timed('alone, each failure is an error that says what happened, in the time it was given', async () => {
  await healed('only');
  for (const [behaviour, status, message] of [['limited', 429, /slow down/], ['broken', 503, /answered 500/],
    ['malformed', 502, /JSON/], ['silent', 504, /no content within 1000 ms/], ['tooLong', 400, /maximum context/]]) {
    upstream.behave(behaviour);
    const started = Date.now();
    const response = await chat('far/gpt', {}, { 'x-hearth-route': 'only' });
    const text = await response.text();
    assert.equal(response.status, status, text);
    assert.match(text, message);
    assert.doesNotMatch(text, /sk-test-secret/);
    assert.ok(Date.now() - started < 5000);
    upstream.behave('good');
    await healed('only');
  }
});

timed('an upstream that fails half of the time costs no client an answer', async () => {
  await healed('cloudy');
  upstream.behave('flaky');
  for (const route of ['cloudy', 'patient']) {
    const targets = new Set();
    for (let i = 0; i < 10; ++i) {
      const response = await chat(route);
      targets.add(response.headers.get('x-hearth-target'));
      const text = await response.text();
      assert.equal(response.status, 200, text);
    }
    assert.deepEqual([...targets].sort(), route === 'cloudy' ? ['far/gpt', 'local/stories'] : ['far/gpt']);
  }
});

timed('an upstream that lies about its usage is billed for what was seen', async () => {
  await healed('only');
  upstream.behave('liar');
  const { usage } = await (await chat('only')).json();
  assert.ok(usage.cost >= 1000 * 10 / 1e6, JSON.stringify(usage));
});

timed('a model that a neighbour only passes on to a cloud is in the cloud', async () => {
  const zone = async (model) => (await (await fetch(`${server.url}/admin/explain`, { method: 'POST',
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }) })).json()).targets[0].zone;
  for (let i = 0; await zone('relay/own') !== 'device'; ++i) {
    assert.ok(i < 200, 'its own model was not proved to be here');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(await zone('relay/passed'), 'cloud');
  const response = await chat('relay/passed', {}, { 'x-hearth-label': 'confidential' });
  assert.equal(response.status, 403, await response.text());
  assert.equal(upstream.requests.length, 0);
});

timed('a stream that is cut after it began says so and is not begun again', async () => {
  await healed('cloudy');
  upstream.requests.length = 0;
  upstream.behave('cut');
  const response = await chat('cloudy', { stream: true });
  const text = await response.text();
  assert.match(text, /half/);
  assert.match(text, /"error"/);
  assert.equal(upstream.requests.length, 1);
});

timed('an answer without end is ended at the bound and the server goes on', async () => {
  await healed('cloudy');
  upstream.behave('endless');
  const response = await chat('cloudy', { stream: true });
  let bytes = 0;
  let tail = '';
  for await (const part of response.body) { bytes += part.length; tail = (tail + Buffer.from(part).toString()).slice(-2000); }
  assert.match(tail, /"error"/);
  assert.ok(bytes < 200e6);
});

timed('an answer that drips is an answer', async () => {
  await healed('cloudy');
  upstream.behave('drip');
  assert.equal(await said(await chat('cloudy')), 'slowly');
});

timed('with servers that are gone the next one answers, and the decision says why', async () => {
  const response = await chat('lost');
  assert.equal(response.headers.get('x-hearth-target'), 'near/big');
  assert.match(response.headers.get('x-hearth-degraded'), /fallback from gone\/gpt/);
  await response.text();
  const explained = await (await fetch(`${server.url}/admin/decisions/${response.headers.get('x-hearth-decision')}`)).json();
  // Where the checks of its health came first it was not even asked.
  const [gone] = explained.targets;
  if (gone.excluded_by !== 'health') assert.match(explained.attempts[0], /gone\/gpt: upstream_unavailable/);
  assert.equal(explained.targets.length, 3);
});

timed('a cascade escalates what the small model is not sure of', async () => {
  const response = await chat('auto');
  assert.equal(response.headers.get('x-hearth-target'), 'near/big');
  await response.text();
});

timed('a dry run explains every target and asks nobody', async () => {
  const response = await fetch(`${server.url}/admin/explain`, { method: 'POST', headers: { 'x-hearth-label': 'confidential' },
    body: JSON.stringify({ model: 'cloudy', messages: [{ role: 'user', content: 'hi' }], tools: [{ type: 'function', function: { name: 't', parameters: {} } }] }) });
  const body = await response.json();
  assert.equal(body.label, 'confidential');
  assert.deepEqual(body.plan, ['local/stories']);
  const far = body.targets.find((target) => target.target === 'far/gpt');
  assert.equal(far.excluded_by, 'policy');
  assert.equal(far.policy.length, 4);
  assert.equal(upstream.requests.length, 0);
});

timed('routes and remote models are listed, and the metrics count them', async () => {
  const ids = (await (await fetch(`${server.url}/v1/models`)).json()).data.map((model) => model.id);
  for (const id of ['stories', 'auto', 'cloudy', 'near/big', 'far/gpt']) assert.ok(ids.includes(id), id);
  const text = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(text, /hearth_router_requests_total\{[^}]*route="cloudy"[^}]*\} \d+/);
  assert.match(text, /hearth_router_cost_usd_total\{[^}]*target="far\/gpt"\} [0-9.e-]*[1-9]/);
});

timed('unplug the neighbour: answers go on, and it comes back by itself', async () => {
  const { port } = near;
  const models = `models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}]\nlisten: 127.0.0.1:${port}\n`;
  near.signal('SIGKILL');
  await near.ended;
  const without = await chat('lost');
  assert.equal(without.headers.get('x-hearth-target'), 'local/stories');
  await without.text();
  near = await startServer({ config: models, listen: `127.0.0.1:${port}` });
  for (let i = 0; ; ++i) {
    const response = await chat('lost');
    await response.text();
    if (response.headers.get('x-hearth-target') === 'near/big') break;
    assert.ok(i < 200, 'it did not come back');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});

test('no log has the key', () => { assert.doesNotMatch(server.log(), /sk-test-secret/); });
