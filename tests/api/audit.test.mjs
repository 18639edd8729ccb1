// SPDX-License-Identifier: Apache-2.0
// The record of a permit is durable before its content leaves: also when the process is killed, and when the disk is full.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { binary, modelFile, startServer, temporaryFolder } from '../server.mjs';
import { startUpstream } from './upstream.mjs';

const timed = (name, run) => test(name, { timeout: 300_000 }, run);
const audit = (home, ...args) => spawnSync(binary, ['--home', home, 'audit', ...args], { encoding: 'utf8' });
const records = (home) => audit(home, 'export').stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const config = (upstream) => `
log: {level: warn}
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}]
providers:
  - {name: far, kind: openai, url: "${upstream.url}/v1", zone: cloud, region: us, models: [{name: gpt, model: up-1, capabilities: [chat, embedding]}]}
routes: [{name: auto, targets: [far/gpt, local/stories], retries: 0}]
policy:
  default_label: public
  zones: {device: restricted, cloud: public}
  rules: [{allow: {target: "far/*"}}]
`;
let upstream;
before(async () => { upstream = await startUpstream(); });
after(() => upstream?.close());
const ask = (server, model, content, headers = {}) => fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers,
  body: JSON.stringify({ model, messages: [{ role: 'user', content }], max_tokens: 4 }) });

timed('a record says who, what label, where and by which rule, and never the content', async () => {
  const home = temporaryFolder();
  const server = await startServer({ config: config(upstream), home });
  const id = (await ask(server, 'auto', 'a secret question')).headers.get('x-request-id');
  await (await ask(server, 'auto', 'a secret question', { 'x-hearth-label': 'internal' })).text();
  assert.equal((await ask(server, 'far/gpt', 'a secret question', { 'x-hearth-label': 'restricted' })).status, 403);
  await server.stop();
  const [egress, local, refused] = records(home);
  const { at_ms: at, permit, prev, ...said } = egress;
  assert.deepEqual(said, { seq: 1, kind: 'egress', request: id, principal: 'anonymous', label: 'public', route: 'auto', target: 'far/gpt', zone: 'cloud',
    region: 'us', rule: 'rule 1 (line 10)', prompt_tokens: said.prompt_tokens });
  assert.match(permit, /^perm_/);
  assert.ok(Math.abs(at - Date.now()) < 120_000);
  assert.equal(prev, '0'.repeat(64));
  assert.deepEqual([local.kind, local.target, local.label], ['local', 'local/stories', 'internal']);
  assert.deepEqual([refused.kind, refused.label, refused.target], ['refused', 'restricted', undefined]);
  for (const name of fs.readdirSync(path.join(home, 'audit'))) assert.ok(!fs.readFileSync(path.join(home, 'audit', name), 'utf8').includes('secret'));
  const verdict = audit(home, 'verify');
  assert.equal(verdict.status, 0);
  assert.match(verdict.stdout, /the chain is whole: 3 records/);
});

timed('kill -9 at any moment: what the other side has seen is on record, and the chain verifies', async () => {
  const home = temporaryFolder();
  upstream.requests.length = 0;
  for (let round = 0; round < 8; ++round) {
    const server = await startServer({ config: config(upstream), home });
    let going = true;
    const clients = Array.from({ length: 8 }, async (_, i) => {
      for (let n = 0; going; ++n) await ask(server, 'far/gpt', `round ${round} client ${i} question ${n}`).then((r) => r.text()).catch(() => {});
    });
    await upstream.arrived(upstream.requests.length + 3 + 17 * round);
    server.signal('SIGKILL');
    await server.ended;
    going = false;
    await Promise.all(clients);
    const verdict = audit(home, 'verify', '--json');
    assert.equal(verdict.status, 0, verdict.stderr);
    const allowed = records(home).filter((record) => record.kind === 'egress').length;
    assert.ok(upstream.requests.length > 0);
    assert.ok(allowed >= upstream.requests.length, `${upstream.requests.length} requests arrived, ${allowed} are on record`);
  }
});

timed('where the record cannot be written nothing leaves', async () => {
  const home = temporaryFolder();
  const server = await startServer({ config: config(upstream), home });
  await (await ask(server, 'far/gpt', 'one')).text();
  upstream.requests.length = 0;
  // The process may write no more than its files have now, which is what a full disk is to it.
  const limited = spawnSync('prlimit', ['--pid', String(server.pid), '--fsize=1:1'], { encoding: 'utf8' });
  assert.equal(limited.status, 0, limited.stderr);
  const refused = await ask(server, 'far/gpt', 'two');
  assert.equal(refused.status, 503);
  assert.match((await refused.json()).error.message, /audit log cannot be written/);
  assert.equal(upstream.requests.length, 0);
  assert.equal((await ask(server, 'stories', 'three')).status, 200, 'this machine answers all the same');
  server.signal('SIGKILL');
  await server.ended;
  assert.equal(audit(home, 'verify').status, 0);
});

timed('a chain that somebody edited is found, and a server does not go on with one that was cut', async () => {
  const home = temporaryFolder();
  const server = await startServer({ config: config(upstream), home });
  for (let i = 0; i < 5; ++i) await (await ask(server, 'far/gpt', 'hi')).text();
  await server.stop();
  const file = path.join(home, 'audit', '000000000001.jsonl');
  const text = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, text.replace('"label":"public"', '"label":"secret"'));
  const changed = audit(home, 'verify');
  assert.notEqual(changed.status, 0);
  assert.match(changed.stderr, /000000000001\.jsonl:2: record 1 was changed/);
  fs.writeFileSync(file, text.split('\n').slice(0, 3).join('\n') + '\n');
  assert.match(audit(home, 'verify').stderr, /the end was cut off/);
  await assert.rejects(startServer({ config: config(upstream), home }), /its end was cut off/);
});
