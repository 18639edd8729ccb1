// SPDX-License-Identifier: Apache-2.0
// kill -9 at random moments under load: every answer that a client has is in the ledger once, nothing is there twice, and
// budgets are exceeded by no more than what was in flight. HEARTH_CRASH_ROUNDS=200 takes about two minutes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startServer, temporaryFolder } from '../server.mjs';
import { startUpstream } from './upstream.mjs';

const kRounds = Number(process.env.HEARTH_CRASH_ROUNDS ?? 8);
const kClients = 8;
const kLimit = 1.5;  // US$: a request costs (7 + 2) / 1000, so it is spent within the first rounds
const home = temporaryFolder();
let upstream;
before(async () => { upstream = await startUpstream(); });
after(() => upstream?.close());
const config = () => `
log: {level: error}
providers:
  - {name: far, kind: openai, url: "${upstream.url}/v1", zone: cloud, models: [{name: gpt, model: up-1, capabilities: [chat], price: {input: 1000, output: 1000}}]}
routes: [{name: paid, targets: [far/gpt], retries: 0}, {name: free, targets: [far/gpt], retries: 0}]
policy: {default_label: public, zones: {device: restricted, cloud: public}}
budgets: [{principal: "*", route: paid, limit_usd: ${kLimit}, per: month, action: refuse}]
`;
const rows = () => JSON.parse(spawnSync('python3', ['-c', `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(json.dumps(db.execute("SELECT decision, outcome, route, cost_nano FROM requests").fetchall()))`, path.join(home, 'ledger.db')],
{ encoding: 'utf8', maxBuffer: 1 << 28 }).stdout);

test(`kill -9, ${kRounds} rounds`, { timeout: 60_000 + kRounds * 3_000 }, async () => {
  const answered = new Set();
  let sent = 0;
  for (let round = 0; round < kRounds; ++round) {
    const server = await startServer({ config: config(), home });
    let going = true;
    const clients = Array.from({ length: kClients }, async (_, i) => {
      while (going) {
        ++sent;
        const model = i % 2 === 0 ? 'paid' : 'free';
        try {
          const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify({ model, max_tokens: 4, messages: [{ role: 'user', content: 'Once' }] }) });
          await answer.text();
          if (answer.status === 200) answered.add(answer.headers.get('x-hearth-decision'));
        } catch { break; }
      }
    });
    await upstream.arrived(upstream.requests.length + 2 + Math.floor(Math.random() * 150));
    server.signal('SIGKILL');
    await server.ended;
    going = false;
    await Promise.all(clients);
  }
  await (await startServer({ config: config(), home })).stop();
  const all = rows();
  const completed = new Map();
  for (const [decision, outcome] of all) {
    assert.notEqual(outcome, 'open');
    if (outcome === 'completed') completed.set(decision, (completed.get(decision) ?? 0) + 1);
  }
  assert.ok(answered.size > kRounds, `${answered.size} answers`);
  const lost = [...answered].filter((decision) => !completed.has(decision));
  assert.deepEqual(lost, [], `${lost.length} of ${answered.size} answers are not in the ledger`);
  assert.ok([...completed.values()].every((times) => times === 1), 'an answer is there twice');
  assert.ok(all.length <= sent, `${all.length} rows of ${sent} requests`);
  const spent = all.filter(([, , route]) => route === 'paid').reduce((sum, row) => sum + row[3], 0) / 1e9;
  assert.ok(spent <= kLimit + kRounds * kClients * 0.009, `$${spent} of $${kLimit}`);
  console.log(`# ${answered.size} answers, ${all.length} rows, $${spent.toFixed(3)} of $${kLimit} spent`);
});
