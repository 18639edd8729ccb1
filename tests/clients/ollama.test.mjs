// SPDX-License-Identifier: Apache-2.0
// npm `ollama`, unmodified. `stories` is stable when greedy; `tiny` writes noise.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { Ollama } from 'ollama';
import { modelFile, startServer } from '../server.mjs';

let server;
let client;
before(async () => {
  server = await startServer();
  client = new Ollama({ host: server.url });
});
after(async () => { await server?.stop(); });

const say = (content) => [{ role: 'user', content }];
const greedy = { temperature: 0, num_predict: 30 };

test('a generated story is stable, and streams as the same text', async () => {
  const request = { model: 'stories', prompt: 'Once upon a time', options: greedy };
  const whole = await client.generate({ ...request, stream: false });
  let text = '';
  let last;
  for await (const part of await client.generate({ ...request, stream: true })) {
    text += part.response;
    last = part;
  }

  assert.ok(whole.response.length > 20);
  assert.equal(text, whole.response);
  assert.equal(whole.done, true);
  assert.equal(last.done, true);
  assert.ok(['stop', 'length'].includes(last.done_reason));
  assert.ok(last.eval_count > 0 && last.eval_count <= 30);
  assert.ok(last.total_duration > 0 && last.eval_duration > 0);
});

test('a chat answers as the assistant, whole and streamed', async () => {
  const request = { model: 'tiny', messages: say('Hi'), options: { temperature: 0, num_predict: 8 } };
  const whole = await client.chat(request);
  let text = '';
  for await (const part of await client.chat({ ...request, stream: true })) text += part.message.content;

  assert.equal(whole.message.role, 'assistant');
  assert.equal(whole.done, true);
  assert.equal(text, whole.message.content);
});

test('a format schema is obeyed', async () => {
  const format = { type: 'object', properties: { ok: { type: 'boolean' }, n: { type: 'integer', minimum: 0, maximum: 9 } }, required: ['ok', 'n'], additionalProperties: false };
  const answer = await client.chat({ model: 'tiny', messages: say('x'), format, options: { num_predict: 400, seed: 1 } });

  const value = JSON.parse(answer.message.content);
  assert.equal(typeof value.ok, 'boolean');
  assert.ok(value.n >= 0 && value.n <= 9);
});

test('embeddings come one an input', async () => {
  const { embeddings } = await client.embed({ model: 'tiny', input: ['one', 'two', 'three'] });

  assert.equal(embeddings.length, 3);
  assert.ok(embeddings.every((vector) => Math.abs(Math.hypot(...vector) - 1) < 1e-3));
});

test('the models of the configuration are listed, shown and running', async () => {
  const { models } = await client.list();
  const shown = await client.show({ model: 'tiny' });
  const running = await client.ps();

  assert.ok(models.some((model) => model.name.startsWith('tiny')));
  assert.equal(shown.details.format, 'gguf');
  assert.ok(shown.capabilities.includes('completion'));
  assert.ok(running.models.some((model) => model.name.startsWith('tiny') && model.size > 0));
});

/** Uploads a GGUF and makes a model of it, as `ollama create` does. */
async function createFromFile(name, file, extra = {}) {
  const bytes = fs.readFileSync(file);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const uploaded = await fetch(`${server.url}/api/blobs/${digest}`, { method: 'POST', body: bytes });
  assert.equal(uploaded.status, 201);
  const statuses = [];
  for await (const part of await client.create({ model: name, files: { 'model.gguf': digest }, stream: true, ...extra })) statuses.push(part.status);
  assert.equal(statuses.at(-1), 'success');
}

test('a model is created from a file and from another model, copied, used and deleted', async () => {
  await createFromFile('parrot', modelFile('tiny50k'));
  const made = await client.create({ model: 'pirate', from: 'parrot', system: 'Speak like a pirate.' });
  await client.copy({ source: 'pirate', destination: 'corsair' });
  const shown = await client.show({ model: 'corsair' });
  const answer = await client.chat({ model: 'corsair', messages: say('Hi'), options: { num_predict: 3 } });
  const listed = (await client.list()).models.map((model) => model.name);
  for (const model of ['parrot', 'pirate', 'corsair']) await client.delete({ model });

  assert.equal(made.status, 'success');
  assert.equal(shown.system, 'Speak like a pirate.');
  assert.equal(answer.message.role, 'assistant');
  assert.ok(listed.includes('corsair:latest'));
  await assert.rejects(client.show({ model: 'corsair' }), (error) => error.status_code === 404);
});

test('an empty prompt with keep_alive 0 unloads the model', async () => {
  await createFromFile('brief', modelFile('stories656k'), { parameters: { num_predict: 4 } });
  await client.generate({ model: 'brief', prompt: 'Once', options: { num_predict: 2 } });
  const loaded = (await client.ps()).models.map((model) => model.name);
  const answer = await client.generate({ model: 'brief', prompt: '', keep_alive: 0 });

  assert.ok(loaded.some((name) => name.startsWith('brief')));
  assert.equal(answer.done, true);
  assert.equal(answer.done_reason, 'unload');
});

test('errors carry the status and a message that names the model', async () => {
  await assert.rejects(client.generate({ model: 'nowhere', prompt: 'x' }), (error) => error.status_code === 404 && /nowhere/.test(error.message));
  await assert.rejects(client.chat({ model: 'tiny', messages: say('x'), options: { temperature: 'hot' } }), (error) => error.status_code === 400);
  await assert.rejects(client.chat({ model: 'tiny', messages: say('x'), format: 'xml' }), (error) => error.status_code === 400);
  await assert.rejects(client.delete({ model: 'nowhere' }), (error) => error.status_code === 404);
});

test('a pull from a registry that is not there says so', async () => {
  await assert.rejects(client.pull({ model: '127.0.0.1:9/library/none:latest', insecure: true }), (error) => error.message.length > 10);
});

test('tools are taken, and their absence of a call is text', async () => {
  const tools = [{ type: 'function', function: { name: 'get_time', description: 'now', parameters: { type: 'object', properties: {} } } }];
  const answer = await client.chat({ model: 'tiny', messages: say('x'), tools, options: { num_predict: 8, temperature: 0 } });

  assert.ok(typeof answer.message.content === 'string' || answer.message.tool_calls.length > 0);
});

test('an aborted stream ends as aborted and frees its place', async () => {
  const stream = await client.chat({ model: 'tiny', messages: say('x'), stream: true, options: { num_predict: 1900 } });
  let parts = 0;
  await assert.rejects(async () => {
    for await (const part of stream) {
      parts += part.done ? 0 : 1;
      if (parts === 3) stream.abort();
    }
  }, { name: 'AbortError' });
  assert.ok(parts >= 3 && parts < 100, `${parts} parts`);  // those that came in one piece with the third are given out

  const deadline = Date.now() + 10_000;
  let busy = true;
  while (busy && Date.now() < deadline) {
    busy = (await (await fetch(`${server.url}/slots?model=tiny`)).json()).some((slot) => slot.is_processing);
  }
  assert.equal(busy, false);
});

test('the version is told', async () => {
  assert.match((await client.version()).version, /^\d+\.\d+\.\d+/);
});
