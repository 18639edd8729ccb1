// SPDX-License-Identifier: Apache-2.0
// Budgets, the ledger and a change of the configuration, with a server that is killed and started again.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { binary, modelFile, startServer, temporaryFolder } from '../server.mjs';
import { startUpstream } from './upstream.mjs';

const timed = (name, run) => test(name, { timeout: 120_000 }, run);
const home = temporaryFolder();
let upstream;
let server;
const config = (budgets, more = '') => `
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512, parallel: 4}]
providers:
  - {name: far, kind: openai, url: "${upstream.url}/v1", zone: cloud, models: [{name: gpt, model: up-1, capabilities: [chat], price: {input: 1000, output: 1000}}]}
routes:
  - {name: dear, targets: [far/gpt, local/stories]}
  - {name: strict, targets: [far/gpt]}
${more}
policy: {default_label: public, zones: {device: restricted, cloud: public}}
budgets: ${budgets}
`;
before(async () => {
  upstream = await startUpstream();
  server = await startServer({ home, config: config('[]') });
});
after(async () => { await server?.stop(); upstream?.close(); });

const ask = (model, fields = {}) => fetch(`${server.url}/v1/chat/completions`, { method: 'POST',
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Once' }], max_tokens: 4, temperature: 0, ...fields }) });
const totals = async (by) => (await (await fetch(`${server.url}/admin/ledger?by=${by}`)).json()).totals;
const settled = async (by, key, wanted) => {
  for (let i = 0; i < 100; ++i) {
    const found = (await totals(by)).find((one) => one.key === key);
    if (found && wanted(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(JSON.stringify(await totals(by)));
};

timed('an answer says what it cost, whole and streamed, and the ledger adds it up', async () => {
  const whole = await (await ask('dear')).json();
  assert.ok(whole.usage.cost > 0, JSON.stringify(whole.usage));
  assert.ok(Math.abs(whole.usage.cost - (whole.usage.prompt_tokens + whole.usage.completion_tokens) / 1000) < 1e-9);
  const streamed = await (await ask('dear', { stream: true, stream_options: { include_usage: true } })).text();
  const last = streamed.split('\n').filter((line) => line.includes('"usage":{')).at(-1);
  assert.equal(JSON.parse(last.slice(6)).usage.cost, whole.usage.cost);
  const free = await (await ask('stories')).json();
  assert.equal(free.usage.cost, undefined, 'nothing is paid on this machine');
  const row = await settled('route', 'dear', (one) => one.completed === 2);
  assert.ok(Math.abs(row.cost_usd - 2 * whole.usage.cost) < 1e-6);
  assert.equal((await settled('route', '-', (one) => one.completed === 1)).cost_usd, 0);
  assert.equal((await fetch(`${server.url}/admin/ledger?by=colour`)).status, 400);
  assert.equal((await fetch(`${server.url}/admin/ledger?hours=0`)).status, 400);
});

timed('a reload brings budgets that count what was spent before, and a broken one changes nothing', async () => {
  const spent = (await settled('route', 'dear', () => true)).cost_usd;
  assert.match(await server.reload(config(`[{principal: "*", route: dear, limit_usd: ${spent * 1.01}, per: month}]`)), /reloaded/);
  const first = await ask('dear');
  assert.equal(first.headers.get('x-hearth-target'), 'local/stories', 'what is left does not do for another');
  assert.match(first.headers.get('x-hearth-degraded'), /budget/);
  await first.text();

  const news = await server.reload(config('[{limit_usd: 1, per: fortnight}, {principal: me}]', '  - {name: lost, targets: [far/none]}'));
  assert.match(news, /old configuration stays/);
  assert.match(news, /fortnight/);
  assert.match(news, /limit_usd is missing/);
  assert.match(news, /far\/none/);
  assert.equal((await ask('dear')).headers.get('x-hearth-target'), 'local/stories');

  assert.match(await server.reload(config('[{principal: "*", route: strict, limit_usd: 0, per: day, action: refuse}]')), /reloaded/);
  const refused = await ask('strict');
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.equal((await refused.json()).error.code, 'insufficient_quota');
  assert.equal((await ask('dear')).headers.get('x-hearth-target'), 'far/gpt', 'the other budget is gone');
  const explained = await (await fetch(`${server.url}/admin/explain`, { method: 'POST',
    body: JSON.stringify({ model: 'strict', messages: [{ role: 'user', content: 'Once' }] }) })).json();
  assert.equal(explained.targets[0].excluded_by, 'budget');
});

timed('a second server on the same home is told why it cannot start', async () => {
  await assert.rejects(startServer({ home, config: config('[]') }), /--home/);
});

timed('what a killed server had open is expired by the next one, what was answered stays', async () => {
  await server.reload(config('[]'));
  const open = ask('stories', { max_tokens: 400, stream: true, ignore_eos: true });
  const reader = (await open).body.getReader();
  await reader.read();
  await settled('route', '-', (one) => one.open === 1);
  const before = await settled('route', 'dear', () => true);
  server.signal('SIGKILL');
  await server.ended;
  await reader.cancel().catch(() => {});
  server = await startServer({ home, config: config('[]') });
  const rows = await totals('route');
  assert.equal(rows.find((one) => one.key === '-').expired, 1);
  assert.equal(rows.reduce((sum, one) => sum + one.open, 0), 0);
  assert.equal(rows.find((one) => one.key === 'dear').cost_usd, before.cost_usd);
});

timed('the same question again is answered from the cache, and shadow checks count who agrees', async () => {
  await server.reload(config('[]', `
  - {name: twice, targets: [far/gpt], cache: {ttl: 1m}}
  - {name: watched, targets: [local/stories], shadow: {share: 1, target: far/gpt, keep_prompts: true}}`));
  const first = await ask('twice');
  assert.equal(first.headers.get('x-hearth-cache'), null);
  const text = (await first.json()).choices[0].message.content;
  const before = upstream.requests.length;
  for (const stream of [false, true]) {
    const again = await ask('twice', { stream });
    assert.equal(again.headers.get('x-hearth-cache'), 'hit');
    assert.ok((await again.text()).includes(text));
  }
  assert.equal(upstream.requests.length, before);
  assert.equal((await ask('twice', { seed: 5 })).headers.get('x-hearth-cache'), null);

  await (await ask('watched')).text();
  await settled('route', 'shadow', (one) => one.completed === 1 && one.cost_usd > 0);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(metrics, /hearth_router_shadow_checks_total\{[^}]*route="watched"[^}]*\} 1/);
});

timed('the judged confidences of a cascade calibrate it', async () => {
  await server.reload(config('[]', '  - {name: careful, strategy: cascade, targets: [local/stories, far/gpt], confidence: 0.01, shadow: {share: 1, target: far/gpt}}'));
  const response = await ask('careful');
  assert.equal(response.headers.get('x-hearth-target'), 'local/stories');
  const told = Number(response.headers.get('x-hearth-confidence'));
  await response.text();
  await settled('route', 'shadow', (one) => one.completed === 2);
  const fitted = spawnSync(binary, ['router', 'calibrate', '--data', path.join(home, 'ledger.db')], { encoding: 'utf8' });
  assert.equal(fitted.status, 0, fitted.stderr);
  assert.match(fitted.stdout, /local\/stories: \{scale: [0-9.]+, shift: -?[0-9.]+\}  # 1 answers/);
  const lines = fitted.stdout.replace(/#.*/g, '');
  assert.match(await server.reload(config('[]', `  - {name: careful, strategy: cascade, targets: [local/stories, far/gpt], confidence: 0.01}\n${lines}`)), /reloaded/);
  const again = Number((await ask('careful')).headers.get('x-hearth-confidence'));
  assert.ok(again !== told && again > 0, `${told} ${again}`);
});

timed('the kept verdicts train a model', async () => {
  const out = path.join(home, 'quality.bin');
  const trained = spawnSync(binary, ['router', 'train', '--data', path.join(home, 'ledger.db'), '--out', out], { encoding: 'utf8' });
  assert.equal(trained.status, 0, trained.stderr);
  assert.match(trained.stdout, /trained on 1 rows/);
  assert.ok(fs.statSync(out).size > 300_000);
});
