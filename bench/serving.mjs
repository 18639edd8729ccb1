// SPDX-License-Identifier: Apache-2.0
// Many users on one machine: Hearth against llama-server of the same source with its best settings, 8 slots, each load
// with its cache unified and not; the ratios are against the better of the two. Hearth guesses tokens, as it does by default;
// these weights are random and repeat themselves, which flatters guessing, so its output without that stands beside.
// usage: node serving.mjs --hearth BIN --llama BIN --machine BIN --steps BIN --models FOLDER [--only shared,prefixes,turns,apart,json,switch,many]
import { rmSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { rateLimit } from './limits.mjs';
import { ask, options, printTable, quantile, random, report, reseed, startOnDemand, startServer, stopServer, wanted, work } from './servers.mjs';

const kSyllables = 'ba co di fu ga he ki lo mu na po qui ra se ti vo we xa yo zu'.split(' ');
/** About so many tokens of text that no server has seen. */
const words = n => Array.from({ length: Math.ceil(n * 0.62) }, () => kSyllables[random(20)] + kSyllables[random(20)]).join(' ');
const chat = (server, messages, max, fields = {}) => ask(server, '/v1/chat/completions', { messages, max_tokens: max, ...fields });

/** `clients` at once until `requests` have been made; `run(client, i)` resolves to answers. */
async function closedLoop(clients, requests, run) {
  const answers = [];
  let next = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: clients }, async (_, client) => {
    while (next < requests) {
      const i = next++;
      const asked = performance.now();
      const { times, tokens } = await run(client, i);
      answers.push({ first: times[0] - asked, times, tokens });
    }
  }));
  return figures(answers, performance.now() - start);
}
function figures(answers, elapsed) {
  const tokens = answers.reduce((sum, a) => sum + a.tokens, 0);
  const gaps = answers.flatMap(a => a.times.slice(1).map((t, i) => t - a.times[i]));
  return { tokens, rate: tokens / elapsed * 1000, first: quantile(answers.map(a => a.first), 0.95), first99: quantile(answers.map(a => a.first), 0.99), stall: Math.max(...gaps), requests: answers.length, elapsed };
}

const warm = server => chat(server, [{ role: 'user', content: words(20) }], 4);
/** Each request: one of `groups` system prompts of `prefix` tokens, and `user` tokens of its own. */
function oneShot({ clients, requests, prefix, groups, user, max, fields = {} }) {
  const measure = async server => {
    const systems = Array.from({ length: groups }, () => words(prefix));
    await warm(server);
    return closedLoop(clients, requests, (_, i) => chat(server, [...(prefix ? [{ role: 'system', content: systems[i % groups] }] : []),
      { role: 'user', content: words(user) }], max, { ignore_eos: true, ...fields }));
  };
  return { prompt: prefix * groups + user * requests, width: clients, measure };
}

/** 16 people who talk: six turns each, thinking for up to two seconds between them. */
async function turns(server) {
  await warm(server);
  const answers = [];
  const thinking = Array.from({ length: 16 }, () => Array.from({ length: 6 }, () => random(2000)));
  const start = performance.now();
  await Promise.all(Array.from({ length: 16 }, async (_, client) => {
    const messages = [{ role: 'system', content: words(60) }];
    for (let turn = 0; turn < 6; ++turn) {
      await new Promise(resolve => setTimeout(resolve, thinking[client][turn]));
      messages.push({ role: 'user', content: words(40) });
      const asked = performance.now();
      const { times, tokens, answer } = await chat(server, messages, 40, { ignore_eos: true });
      answers.push({ first: times[0] - asked, times, tokens });
      messages.push({ role: 'assistant', content: answer });
    }
  }));
  return figures(answers, performance.now() - start);
}

const kSchema = { type: 'object', properties: { name: { type: 'string', maxLength: 40 }, age: { type: 'integer', minimum: 0, maximum: 150 },
  tags: { type: 'array', items: { enum: ['red', 'green', 'blue'] }, minItems: 2, maxItems: 4 }, address: { type: 'object', properties: {
    street: { type: 'string', maxLength: 30 }, city: { type: 'string', maxLength: 20 }, zip: { type: 'string', pattern: '^[0-9]{5}$' } },
  required: ['street', 'city', 'zip'], additionalProperties: false } }, required: ['name', 'age', 'tags', 'address'], additionalProperties: false };
const json = oneShot({ clients: 4, requests: 16, prefix: 0, groups: 1, user: 60, max: 160,
  fields: { ignore_eos: false, response_format: { type: 'json_schema', json_schema: { name: 'person', schema: kSchema } } } });

/** 64 people, prompts of 20 to 3,000 tokens with a long tail, on a cache of a fixed size. */
async function many(server) {
  await warm(server);
  const lengths = Array.from({ length: 128 }, () => Math.min(3000, Math.round(20 / (0.0066 + random(1000) / 1000))));
  return closedLoop(64, 128, (_, i) => chat(server, [{ role: 'user', content: words(lengths[i]) }], 32, { ignore_eos: true }));
}

/** `prompt`: tokens that must be computed in all; they and the answers, `width` at once, give the hardware's limit. */
async function compare(row, title, model, shape, { prompt, width, measure }, aims) {
  if (!wanted(row)) return;
  const run = async (kind, variant) => {
    reseed();
    const server = await startServer(kind, model, { ...shape, ...(kind === 'hearth' ? shape.hearth : {}), ...variant });
    try { return await measure(server); } finally { await stopServer(server); }
  };
  const hearth = await run('hearth', {});
  const unguessed = await run('hearth', { speculation: 'off' });
  const peers = [await run('llama', { unified: true }), await run('llama', { unified: false })];
  if (shape.hearth) peers.push(await run('llama', { ...shape.hearth, unified: true }));
  const best = (field, pick) => pick(...peers.map(p => p[field]));
  const [rate, first, stall] = [best('rate', Math.max), best('first', Math.min), best('stall', Math.min)];
  report(`${title}: output`, hearth.rate, rate, 'tok/s', hearth.rate / rate, aims[0]);
  report('  output without guessing', unguessed.rate, rate, 'tok/s', unguessed.rate / rate, '');
  if (prompt) {
    const limit = rateLimit(model, { prompt, answer: hearth.tokens, width });
    report('  output that the hardware allows', unguessed.rate, limit, 'tok/s', unguessed.rate / limit, 'without guessing');
  }
  report('  first token, p95', hearth.first, first, 'ms', hearth.first / first, aims[1] ?? '');
  report('  longest stall', hearth.stall, stall, 'ms', hearth.stall / stall, aims[2] ?? '');
}

/** First tokens of short prompts by turns at two models: both loaded, and with room for one. */
async function switching() {
  const first = async (server, model) => {
    const asked = performance.now();
    const { times } = await ask(server, '/v1/chat/completions', { model, messages: [{ role: 'user', content: words(8) }], max_tokens: 1 });
    return times[0] - asked;
  };
  const models = ['s135', 'l1b'];
  for (const [title, budget] of [['both loaded', '20GB'], ['room for one: loaded again', '2.2GB']]) {
    const server = await startOnDemand(models, budget);
    try {
      for (const model of models) await first(server, model);
      const took = { s135: [], l1b: [] };
      for (let i = 0; i < 5; ++i) for (const model of models) took[model].push(await first(server, model));
      for (const model of models) report(`${title}, other model before: ${model}, first token`, quantile(took[model], 0.5), null, 'ms', null, '');
      if (budget === '20GB') {
        const again = [];
        for (let i = 0; i < 5; ++i) again.push(await first(server, 'l1b'));
        report('  the same without a switch, l1b', quantile(again, 0.5), null, 'ms', null, '');
      }
    } finally { await stopServer(server); }
  }
}

const eight = { context: 2048, parallel: 8 };
try {
  await compare('shared', 's135, 8 clients, one cold prefix of 1,000 tokens', 's135', eight,
    oneShot({ clients: 8, requests: 32, prefix: 1000, groups: 1, user: 40, max: 32 }), ['>= 1.8, aim 3', '<= 0.3, aim 0.15', '<= 0.1, aim 0.05']);
  await compare('prefixes', 's135, 8 clients, four prefixes', 's135', eight,
    oneShot({ clients: 8, requests: 32, prefix: 1000, groups: 4, user: 40, max: 32 }), ['>= 1.3, aim 2', '<= 0.8, aim 0.4', '<= 0.1']);
  // Hearth runs as many at once as there are people, in the same number of cells; llama-server that way, too.
  await compare('turns', 's135, 16 people, six turns', 's135', { ...eight, hearth: { parallel: 16, cells: 8 * 2048 } }, { measure: turns }, ['>= 1.5, aim 2.5', '<= 0.5, aim 0.25']);
  await compare('apart', 's135, 8 clients, nothing shared, 200 in, 128 out', 's135', eight,
    oneShot({ clients: 8, requests: 16, prefix: 0, groups: 1, user: 200, max: 128 }), ['>= 1.2, aim 2']);
  await compare('apart', 'l1b, the same', 'l1b', eight,
    oneShot({ clients: 8, requests: 8, prefix: 0, groups: 1, user: 200, max: 128 }), ['>= 1.2, aim 2']);
  await compare('json', 's135, 4 clients, JSON Schema', 's135', eight, json, ['>= 1.5, aim 2.5']);
  if (wanted('switch')) await switching();
  if (wanted('many')) {
    const server = await startServer('hearth', 's135', { context: 4096, parallel: 32, cells: Math.floor(8e9 / 23040) });
    try {
      const r = await many(server);
      report(`s135, 64 people, 8 GB of KV cache, prompts of 20 to 3,000 tokens, ${r.requests} of 128 answered: first token, p95`, r.first, null, 'ms', null, 'all answered');
      report('  first token, p99', r.first99, null, 'ms', null, '');
      report('  output', r.rate, null, 'tok/s', null, '');
    } finally { await stopServer(server); }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
printTable();
