// SPDX-License-Identifier: Apache-2.0
// A server that demands keys: who is let in, with which rights, how often, and what is never said or written.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { binary, modelFile, startServer, temporaryFolder } from '../server.mjs';
import { startUpstream } from './upstream.mjs';

const timed = (name, run) => test(name, { timeout: 120_000 }, run);
const home = temporaryFolder();
const hearth = (...args) => execFileSync(binary, ['--home', home, 'keys', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const create = (...args) => JSON.parse(hearth('create', ...args, '--json'));
const config = (upstream) => `
auth: {mode: keys}
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}, {name: other, path: ${modelFile('stories656k')}, context: 512}]
providers:
  - {name: far, kind: openai, url: "${upstream.url}/v1", zone: cloud, models: [{name: gpt, model: up-1, quality: 0.9, capabilities: [chat], price: {input: 2, output: 10}}]}
routes:
  - {name: auto, targets: [far/gpt, local/stories], retries: 0}
policy:
  default_label: public
  zones: {device: restricted, cloud: public}
  rules: [{deny: {principal: "role:intern", target: "far/*"}}, {deny: {principal: "team:ward", target: "far/*"}}]
`;
let server;
let upstream;
const keys = {};
before(async () => {
  upstream = await startUpstream();
  keys.bob = create('bob');
  keys.root = create('root', '--scopes', 'inference,manage,admin');
  server = await startServer({ config: config(upstream), home, listen: '0.0.0.0:0' });
});
after(async () => { await server?.stop(); upstream?.close(); });

const bearer = (key) => ({ authorization: `Bearer ${key}` });
const call = (method, route, headers = {}, body) => fetch(server.url + route, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
const chat = (key, model = 'stories', fields = {}, headers = {}) => call('POST', '/v1/chat/completions', { ...(key ? bearer(key) : {}), ...headers },
  { model, messages: [{ role: 'user', content: 'Once' }], max_tokens: 4, ...fields });
const target = async (response) => { await response.text(); return response.headers.get('x-hearth-target'); };
/** Refused: as wrong, or because this test has asked with wrong keys so often. */
const shut = async (key) => [401, 429].includes((await chat(key)).status);
/** Changes of the keys reach a running server within two seconds. */
async function eventually(what, condition) {
  for (let i = 0; i < 600; ++i) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`never came true: ${what}`);
}
const known = async (key) => { await eventually('the key works', async () => (await call('GET', '/v1/models', bearer(key))).status === 200); return key; };

timed('without a key, or with a wrong one, nothing is answered but health and version', async () => {
  for (const key of [undefined, 'hth-wrong', `${keys.bob.key}x`, keys.bob.key.slice(0, -1)]) {
    const response = await chat(key);
    assert.equal(response.status, 401);
    assert.equal((await response.json()).error.type, 'authentication_error');
  }
  for (const [method, route] of [['GET', '/v1/models'], ['GET', '/api/tags'], ['GET', '/slots'], ['GET', '/metrics'], ['GET', '/admin/ledger'],
    ['POST', '/api/pull'], ['POST', '/v1/messages'], ['POST', '/completion'], ['DELETE', '/api/delete']]) {
    assert.equal((await call(method, route, {}, method === 'POST' ? {} : undefined)).status, 401, `${method} ${route}`);
  }
  for (const route of ['/health', '/v1/health', '/api/version', '/']) assert.equal((await call('GET', route)).status, 200, route);
});

timed('each API takes the key where its clients put it', async () => {
  const { key } = keys.bob;
  for (const headers of [{ authorization: `Bearer ${key}` }, { authorization: `bearer ${key}` }, { 'x-api-key': key }, { 'x-goog-api-key': key }]) {
    assert.equal((await call('GET', '/v1/models', headers)).status, 200);
  }
  assert.equal((await call('GET', `/v1beta/models?key=${key}`)).status, 200);
  assert.equal((await chat(key)).status, 200);
});

timed('a key does what its scopes say', async () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const managing = [['POST', '/api/pull', { model: 'x' }], ['POST', '/api/create', { model: 'x' }], ['DELETE', '/api/delete', { model: 'x' }],
    ['POST', `/api/blobs/${digest}`, 'x'], ['POST', '/api/chat', { model: 'stories', keep_alive: 0 }]];
  for (const [method, route, body] of managing) {
    const response = await call(method, route, bearer(keys.bob.key), body);
    assert.equal(response.status, 403, route);
    assert.match(await response.text(), /scope manage/, route);
  }
  for (const route of ['/admin/ledger', '/metrics']) assert.equal((await call('GET', route, bearer(keys.bob.key))).status, 403, route);
  assert.equal((await call('DELETE', '/api/delete', bearer(keys.root.key), { model: 'nothing' })).status, 404);
  for (const route of ['/admin/ledger', '/metrics']) assert.equal((await call('GET', route, bearer(keys.root.key))).status, 200, route);
});

timed('keys that are made, rotated, revoked and expire are seen by a running server', async () => {
  const made = create('carol', '--expires', '1h');
  await known(made.key);
  const next = JSON.parse(hearth('rotate', made.id, '--overlap', '1h', '--json'));
  await known(next.key);
  assert.equal((await chat(made.key)).status, 200, 'the old one overlaps');
  hearth('revoke', made.id);
  await eventually('it is revoked', () => shut(made.key));
  assert.equal((await chat(next.key)).status, 200);
  const brief = create('carol', '--expires', '8s');
  await known(brief.key);
  await eventually('it expires', () => shut(brief.key));
  const listed = JSON.parse(hearth('list', '--json'));
  assert.deepEqual(listed.filter((k) => k.name === 'carol').map((k) => k.state), ['revoked', 'live', 'expired']);
});

timed('a key reaches only the models that it grants, by whatever route', async () => {
  const narrow = await known(create('narrow', '--model', 'local/stories').key);
  assert.equal((await chat(narrow)).status, 200);
  const refused = await chat(narrow, 'other');
  assert.equal(refused.status, 403);
  await refused.text();
  assert.equal(await target(await chat(narrow, 'auto')), 'local/stories', 'the other target of the route is not for it');
  const routed = await known(create('routed', '--model', 'auto').key);
  assert.equal(await target(await chat(routed, 'auto')), 'far/gpt');
  assert.equal((await chat(routed, 'far/gpt')).status, 403);
  const listed = async (key) => (await (await call('GET', '/v1/models', bearer(key))).json()).data.map((model) => model.id).sort();
  assert.deepEqual(await listed(narrow), ['auto', 'stories']);
  assert.deepEqual(await listed(routed), ['auto']);
  assert.deepEqual((await (await call('GET', '/api/tags', bearer(narrow))).json()).models.map((model) => model.name), ['stories']);
  assert.deepEqual((await (await call('GET', '/v1beta/models', bearer(routed))).json()).models.map((model) => model.name), ['models/auto']);
});

timed('rules know roles and teams, and an agent has no right that its user lacks', async () => {
  const intern = create('ida', '--role', 'intern,night');
  const nurse = await known(create('nora', '--team', 'ward').key);
  assert.equal(await target(await chat(keys.bob.key, 'auto')), 'far/gpt');
  assert.equal(await target(await chat(intern.key, 'auto')), 'local/stories');
  assert.equal(await target(await chat(nurse, 'auto')), 'local/stories');
  const agent = create('helper', '--kind', 'agent', '--on-behalf-of', 'ida', '--scopes', 'inference,admin');
  await known(agent.key);
  assert.equal(await target(await chat(agent.key, 'auto')), 'local/stories');
  assert.equal((await call('GET', '/admin/ledger', bearer(agent.key))).status, 403);
  hearth('revoke', intern.id);
  await eventually('nobody stands behind the agent', () => shut(agent.key));
});

timed('the label of a key is the least of what it sends; a client raises it and never lowers it', async () => {
  const doctor = await known(create('doctor', '--label', 'restricted').key);
  assert.equal(await target(await chat(doctor, 'auto')), 'local/stories');
  assert.equal(await target(await chat(doctor, 'auto', {}, { 'x-hearth-label': 'public' })), 'local/stories');
  assert.equal(await target(await chat(keys.bob.key, 'auto', {}, { 'x-hearth-label': 'internal' })), 'local/stories');
});

timed('limits of requests and of tokens', async () => {
  const twice = await known(create('twice', '--requests-per-minute', '2').key);  // the one that found it known was the first
  assert.equal((await chat(twice)).status, 200);
  const third = await chat(twice);
  assert.equal(third.status, 429);
  assert.ok(Number(third.headers.get('retry-after')) > 20);
  assert.match((await third.json()).error.message, /twice is over its limit of 2 requests a minute/);
  const wordy = await known(create('wordy', '--tokens-per-minute', '20').key);
  const statuses = [];
  for (let i = 0; i < 10; ++i) { const response = await chat(wordy, 'stories', { max_tokens: 8, ignore_eos: true }); await response.text(); statuses.push(response.status); }
  assert.equal(statuses[0], 200);
  assert.equal(statuses.at(-1), 429);
  assert.equal((await chat(keys.bob.key)).status, 200, 'others are unharmed');
});

timed('whoever guesses is slowed down, and nobody else', async () => {
  const statuses = await Promise.all(Array.from({ length: 400 }, async (_, i) => {
    const response = await call('GET', '/v1/models', bearer(`hth-guess-${i}`));
    await response.text();
    return response.status;
  }));
  // Thirty a minute; two minutes may meet in between.
  assert.ok(statuses.filter((s) => s === 401).length <= 60);
  assert.ok(statuses.filter((s) => s === 429).length >= 340);
  assert.equal((await chat(keys.bob.key)).status, 200);
});

timed('tenants share no cached prefix', async () => {
  const [one, same, other] = [create('t-one', '--tenant', 'acme'), create('t-same', '--tenant', 'acme'), create('t-other', '--tenant', 'zeta')].map((k) => k.key);
  for (const key of [one, same, other]) await known(key);
  const cached = async (key) => (await (await chat(key, 'stories', { messages: [{ role: 'user', content: 'Once upon a time there was a tenant with a long question' }] })).json())
    .usage.prompt_tokens_details.cached_tokens;
  assert.equal(await cached(one), 0);
  assert.ok(await cached(same) > 5);
  assert.equal(await cached(other), 0);
});

timed('a stored response is found by its own principal only', async () => {
  const made = await (await call('POST', '/v1/responses', bearer(keys.bob.key), { model: 'stories', input: 'Once', max_output_tokens: 16 })).json();
  assert.equal((await call('GET', `/v1/responses/${made.id}`, bearer(keys.bob.key))).status, 200);
  assert.equal((await call('GET', `/v1/responses/${made.id}`, bearer(keys.root.key))).status, 404);
  assert.equal((await call('DELETE', `/v1/responses/${made.id}`, bearer(keys.root.key))).status, 404);
});

timed('an upload without a key is refused before its body', async () => {
  const socket = net.connect({ port: server.port, host: '127.0.0.1' });
  socket.write('POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n');  // and nothing more
  const [answer] = await once(socket, 'data');
  socket.destroy();
  assert.match(answer.toString(), /^HTTP\/1\.1 401 /);
});

timed('beyond loopback it does not start without keys', () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'config.yaml');
  const start = (text) => { fs.writeFileSync(file, text); return spawnSync(binary, ['serve', '--home', folder, '--config', file, '--listen', '0.0.0.0:0'], { encoding: 'utf8', timeout: 60_000 }); };
  const open = start('auth: {mode: none}\n');
  assert.notEqual(open.status, 0);
  assert.match(open.stderr, /refusing to listen on 0\.0\.0\.0.*hearth keys create/);
  const none = start('auth: {mode: keys}\n');
  assert.notEqual(none.status, 0);
  assert.match(none.stderr, /nobody has a key yet/);
});

timed('who was refused is in the log, before a body and without one', () => {
  for (const method of ['GET', 'POST']) {
    assert.match(server.log(), new RegExp(`request id=req_\\S+ method=${method} .* principal=anonymous status=401 error=unauthenticated`));
  }
  assert.match(server.log(), /method=POST route=\/api\/pull .* status=403 error=forbidden/);
});

timed('no key is written anywhere', () => {
  const made = [keys.bob, keys.root].map(({ key }) => key.split('-')[2]);
  for (const name of fs.readdirSync(home)) {
    const file = path.join(home, name);
    if (!fs.statSync(file).isFile()) continue;
    const bytes = fs.readFileSync(file, 'latin1');
    for (const secret of made) assert.ok(!bytes.includes(secret), name);
  }
  for (const secret of made) assert.ok(!server.log().includes(secret), 'the log');
});
