// SPDX-License-Identifier: Apache-2.0
// What is found in content raises its label, what is hidden leaves as a placeholder and comes back, and docs/clinic.md
// is true.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { binary, modelFile, shared, startServer, temporaryFolder } from '../server.mjs';
import { startUpstream } from './upstream.mjs';

const timed = (name, run) => test(name, { timeout: 120_000 }, run);
const hearth = (home, ...args) => spawnSync(binary, ['--home', home, ...args], { encoding: 'utf8' });
const kSecret = 'ann.berg@example.org';
let upstream;
before(async () => { upstream = await startUpstream('echo'); });
after(() => upstream?.close());

const config = () => `
log: {level: debug}
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}]
providers:
  - {name: far, kind: openai, url: "${upstream.url}/v1", zone: cloud, models: [{name: gpt, model: up-1, capabilities: [chat, tools, embedding]}]}
routes:
  - {name: auto, targets: [far/gpt, local/stories], retries: 0}
policy:
  default_label: public
  zones: {device: restricted, cloud: public}
  redact: {zones: [cloud], detectors: [email, card]}
`;
const post = (server, where, body, headers = {}) => fetch(`${server.url}${where}`, { method: 'POST', headers, body: JSON.stringify(body) });
const chat = (server, model, content, { headers, ...more } = {}) =>
  post(server, '/v1/chat/completions', { model, messages: [{ role: 'user', content }], max_tokens: 8, ...more }, headers);
const streamed = async (response) => (await response.text()).split('\n').filter((l) => l.startsWith('data: {'))
  .map((l) => JSON.parse(l.slice(6)).choices[0]?.delta ?? {});

timed('placeholders leave, values come back: whole and streamed, in text and in the arguments of a tool', async () => {
  const server = await startServer({ config: config() });
  upstream.requests.length = 0;
  upstream.behave('echo');
  const question = `write to ${kSecret} about 4111 1111 1111 1111, and to bob@example.org`;
  const whole = await chat(server, 'auto', question);
  assert.match(whole.headers.get('x-hearth-degraded'), /3 values were hidden/);
  assert.equal((await whole.json()).choices[0].message.content, `You said ${question}`);
  const deltas = await streamed(await chat(server, 'auto', question, { stream: true }));
  assert.equal(deltas.map((d) => d.content ?? '').join(''), `You said ${question}`);
  upstream.behave('callsTool');
  const tools = [{ type: 'function', function: { name: 'note', parameters: { type: 'object', properties: { text: { type: 'string' } } } } }];
  const called = await streamed(await chat(server, 'auto', `say "hi" to ${kSecret}`, { stream: true, tools }));
  const args = called.flatMap((d) => d.tool_calls ?? []).map((c) => c.function?.arguments ?? '').join('');
  assert.deepEqual(JSON.parse(args), { text: `say "hi" to ${kSecret}` });
  for (const request of upstream.requests) {
    assert.ok(!request.text.includes('example.org') && !request.text.includes('4111'), request.text);
    assert.ok(request.text.includes('[EMAIL_1]'), request.text);
  }
  assert.equal(upstream.requests[0].body.messages[0].content, 'write to [EMAIL_1] about [CARD_1], and to [EMAIL_2]');
  assert.ok(!server.log().includes('example.org') && !server.log().includes('4111'));
  await server.stop();
});

timed('what Hearth ignores or takes for the form of the answer decides as well where the chat may go', async () => {
  const server = await startServer({ config: config().replace(/ {2}redact: .*\n/, '') });
  upstream.behave('echo');
  upstream.requests.length = 0;
  const card = '4111 1111 1111 1111';
  const schema = { type: 'object', properties: { card: { enum: [card] } } };
  for (const more of [{ prediction: { type: 'content', content: `pay:\n${card}` } }, { metadata: { note: card } }, { stop: [card] },
    { response_format: { type: 'json_schema', json_schema: { name: 'a', schema } } }]) {
    assert.equal((await chat(server, 'far/gpt', 'hello', more)).status, 403, JSON.stringify(more));
  }
  assert.equal(upstream.requests.length, 0);
  assert.equal((await chat(server, 'far/gpt', 'hello', { metadata: { note: 'nothing' }, stop: ['.'] })).status, 200);
  await server.stop();
});

timed('the same through Anthropic, Ollama, Gemini, responses and completions', async () => {
  const server = await startServer({ config: config() });
  upstream.behave('echo');
  upstream.requests.length = 0;
  const said = `You said hi ${kSecret}`;
  const content = `hi ${kSecret}`;
  const messages = [{ role: 'user', content }];
  const anthropic = await (await post(server, '/v1/messages', { model: 'auto', messages, max_tokens: 9 }, { 'anthropic-version': '2023-06-01' })).json();
  assert.equal(anthropic.content[0].text, said);
  const ollama = await (await post(server, '/api/chat', { model: 'auto', messages, stream: false })).json();
  assert.equal(ollama.message.content, said);
  const gemini = await (await post(server, '/v1beta/models/auto:generateContent', { contents: [{ role: 'user', parts: [{ text: content }] }] })).json();
  assert.equal(gemini.candidates[0].content.parts[0].text, said);
  const responses = await (await post(server, '/v1/responses', { model: 'auto', input: content })).json();
  assert.equal(responses.output[0].content[0].text, said);
  // A follow-up sends the answer, with the real address, back: it has the same placeholder.
  const more = await (await post(server, '/v1/responses', { model: 'auto', input: 'and again', previous_response_id: responses.id })).json();
  assert.equal(more.output[0].content[0].text, 'You said and again');
  assert.ok(upstream.requests.at(-1).text.includes('You said hi [EMAIL_1]'), upstream.requests.at(-1).text);
  for (const request of upstream.requests) assert.ok(!request.text.includes('example.org'), request.text);
  await server.stop();
});

timed('what is found but not hidden keeps content here; a field that nobody understood is no way around', async () => {
  const server = await startServer({ config: config() });
  upstream.behave('echo');
  upstream.requests.length = 0;
  const ssn = await chat(server, 'auto', 'my ssn is 219-09-9999');
  assert.equal(ssn.headers.get('x-hearth-target'), 'local/stories');
  await ssn.text();
  const refused = await chat(server, 'far/gpt', 'my ssn is 219-09-9999');
  assert.equal(refused.status, 403);
  assert.match((await refused.json()).error.message, /restricted/);
  const smuggled = await chat(server, 'far/gpt', 'hello', { metadata_of_mine: { note: kSecret } });
  assert.equal(smuggled.status, 400);
  assert.equal(upstream.requests.length, 0);
  await server.stop();
});

timed('docs/clinic.md', async () => {
  process.env.CLINIC_MODEL = modelFile('stories656k');
  process.env.CLINIC_CLOUD_URL = `${upstream.url}/v1`;
  process.env.CLINIC_CLOUD_KEY = 'sk-test';
  const home = temporaryFolder();
  const file = new URL('../../config/clinic.yaml', import.meta.url).pathname;
  const checked = hearth(home, 'config', 'check', file);
  assert.equal(checked.status, 0, checked.stderr);
  const key = (...args) => hearth(home, 'keys', 'create', ...args).stdout.trim();
  const nora = key('nora', '--role', 'clinician');
  const admin = key('root', '--scopes', 'inference,manage,admin');
  const agent = key('helper', '--kind', 'agent', '--on-behalf-of', 'nora', '--model', 'local/*');
  const clerk = key('clerk');
  const server = await startServer({ config: fs.readFileSync(file, 'utf8'), home });
  upstream.behave('echo');
  upstream.requests.length = 0;
  const ask = (who, content, headers = {}) => chat(server, 'ward', content, { headers: { authorization: `Bearer ${who}`, ...headers } });
  const target = async (response) => { await response.text(); return response.headers.get('x-hearth-target'); };

  assert.equal(await target(await ask(nora, 'How often may an adult take paracetamol?')), 'cloud/large');
  const reminder = await ask(nora, `Write a reminder to ${kSecret}`);
  assert.equal(reminder.headers.get('x-hearth-target'), 'cloud/large');
  assert.match(reminder.headers.get('x-hearth-degraded'), /1 value was hidden from the model/);
  assert.equal((await reminder.json()).choices[0].message.content, `You said Write a reminder to ${kSecret}`);
  assert.equal(await target(await ask(nora, 'Summarize: MRN 00482913, fever for three weeks')), 'local/small');
  const contagious = 'Is this contagious, and what should the family be told about it?';
  assert.equal(await target(await ask(nora, contagious, { 'x-hearth-label': 'restricted' })), 'local/small');
  const followUp = await chat(server, 'ward', '', { headers: { authorization: `Bearer ${nora}`, 'x-hearth-label': 'public' },
    messages: [{ role: 'user', content: contagious }, { role: 'assistant', content: 'No.' }, { role: 'user', content: 'Sure?' }] });
  assert.equal(await target(followUp), 'local/small');
  assert.equal(await target(await ask(agent, 'How often may an adult take paracetamol?')), 'local/small');
  assert.equal(await target(await ask(clerk, 'How often may an adult take paracetamol?')), 'local/small');

  const explained = await fetch(`${server.url}/admin/decisions/${reminder.headers.get('x-hearth-decision')}`, { headers: { authorization: `Bearer ${admin}` } });
  const [cloud, local] = (await explained.json()).targets;
  assert.deepEqual([cloud.label, cloud.redacted, local.label, local.redacted], ['public', true, 'confidential', false]);
  assert.equal(upstream.requests.length, 2);
  await server.stop();
  const records = hearth(home, 'audit', 'export').stdout.split('\n').filter(Boolean).map((l) => JSON.parse(l));
  assert.deepEqual(records.filter((r) => r.kind === 'egress').map((r) => r.hidden ?? 0), [0, 1]);
  assert.equal(hearth(home, 'audit', 'verify').status, 0);
});

timed('privacy scan is a pipe, and eval beats a stock Presidio on its own corpus', async () => {
  const lines = [{ text: 'é mail a@example.org' }, { text: 'nothing' }].map((l) => JSON.stringify(l)).join('\n');
  const scan = spawnSync(binary, ['privacy', 'scan', '--json'], { input: lines, encoding: 'utf8' });
  assert.deepEqual(scan.stdout.trim().split('\n').map((l) => JSON.parse(l)),
    [{ label: 'confidential', spans: [{ type: 'email', start: 7, end: 20, score: 1 }] }, { label: 'public', spans: [] }]);
  const wrong = spawnSync(binary, ['privacy', 'scan', '--json'], { input: 'no json\n', encoding: 'utf8' });
  assert.notEqual(wrong.status, 0);
  assert.match(wrong.stderr, /line 1 of the input/);
  const evaluated = spawnSync(binary, ['privacy', 'eval', '--folds', '5', '--json', '--data', path.join(shared, 'data', 'pii_dev.json')], { encoding: 'utf8' });
  const { overall, types } = JSON.parse(evaluated.stdout);
  assert.ok(overall.precision > 0.9 && overall.recall > 0.85 && overall.f2 > 0.85, JSON.stringify(overall));  // Presidio: 0.685, 0.603, 0.618
  for (const checked of ['card', 'iban']) assert.ok(types.find((t) => t.type === checked).recall >= 0.99, checked);
});
