// SPDX-License-Identifier: Apache-2.0
// npm `@google/genai`, unmodified. `stories` is stable when greedy; `tiny` writes noise.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startUpstream } from '../api/upstream.mjs';
import { modelFile, startServer } from '../server.mjs';

// The SDK asks for Node 22 and runs on 20; Debian 12 has 18.
const skip = Number(process.versions.node.split('.')[0]) < 20 ? `@google/genai does not run below Node 20, this is ${process.version}` : false;
let upstream;
let server;
let client;
before(async () => {
  if (skip) return;
  const { GoogleGenAI } = await import('@google/genai');
  upstream = await startUpstream();
  server = await startServer({ config: `
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}, {name: tiny, path: ${modelFile('tiny50k')}}]
providers:
  - {name: up, kind: openai, url: "${upstream.url}/v1", zone: cloud, models: [{name: gpt, model: up-1, capabilities: [chat, tools]}]}
policy: {default_label: public, zones: {device: restricted, cloud: public}}
` });
  client = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: server.url } });
});
after(async () => { await server?.stop(); upstream?.close(); });
beforeEach(() => { upstream.behave('good'); upstream.requests.length = 0; });

const timed = (name, run) => test(name, { timeout: 60_000, skip }, run);
const greedy = { temperature: 0, maxOutputTokens: 20 };

timed('a story is stable, and streams as the same text', async () => {
  const request = { model: 'stories', contents: 'Once upon a time', config: greedy };
  const whole = await client.models.generateContent(request);
  let text = '';
  let last;
  for await (const part of await client.models.generateContentStream(request)) { text += part.text ?? ''; last = part; }
  assert.ok(whole.text.length > 10);
  assert.equal(text, whole.text);
  assert.ok(['STOP', 'MAX_TOKENS'].includes(last.candidates[0].finishReason));
  assert.equal(last.usageMetadata.totalTokenCount, whole.usageMetadata.totalTokenCount);
});

timed('tokens are counted, and models are listed', async () => {
  const { totalTokens } = await client.models.countTokens({ model: 'stories', contents: 'Once upon a time' });
  assert.ok(totalTokens > 3);
  const names = [];
  for await (const model of await client.models.list()) names.push(model.name);
  assert.ok(names.includes('models/stories'), names.join());
  assert.equal((await client.models.get({ model: 'stories' })).name, 'models/stories');
});

timed('a schema is kept', async () => {
  const answer = await client.models.generateContent({ model: 'tiny', contents: 'A colour', config: { ...greedy,
    responseMimeType: 'application/json', responseSchema: { type: 'STRING', enum: ['red', 'green'] } } });
  assert.ok(['red', 'green'].includes(JSON.parse(answer.text)));
});

timed('an unknown model is an error with its status', async () => {
  await assert.rejects(client.models.generateContent({ model: 'nobody', contents: 'hi' }), (error) => error.status === 404 && /nobody/.test(error.message));
});

timed('a call, and results by name alone reach their calls', async () => {
  upstream.behave('callsTool');
  const tools = [{ functionDeclarations: [{ name: 'note', parametersJsonSchema: { type: 'object', properties: { text: { type: 'string' } } } }] }];
  const config = { tools, toolConfig: { functionCallingConfig: { mode: 'AUTO' } } };
  const called = await client.models.generateContent({ model: 'up/gpt', contents: 'milk', config });
  assert.deepEqual(called.functionCalls.map(({ name, args }) => ({ name, args })), [{ name: 'note', args: { text: 'milk' } }]);

  upstream.behave('good');
  const call = (text) => ({ functionCall: { name: 'note', args: { text } } });
  const result = (output) => ({ functionResponse: { name: 'note', response: { output } } });
  await client.models.generateContent({ model: 'up/gpt', config, contents: [{ role: 'user', parts: [{ text: 'milk and tea' }] },
    { role: 'model', parts: [call('milk'), call('tea')] }, { role: 'user', parts: [result('first'), result('second')] }] });
  const { messages } = upstream.requests.at(-1).body;
  const ids = messages[1].tool_calls.map(({ id }) => id);
  assert.equal(new Set(ids).size, 2);
  assert.deepEqual(messages.slice(2).map(({ tool_call_id, content }) => [tool_call_id, content]), [[ids[0], 'first'], [ids[1], 'second']]);
});

timed('a stream that breaks throws what was wrong', async () => {
  upstream.behave('cut');
  let text = '';
  await assert.rejects(async () => {
    for await (const part of await client.models.generateContentStream({ model: 'up/gpt', contents: 'hi' })) text += part.text ?? '';
  }, (error) => /broke off|ended before/.test(error.message));
  assert.equal(text, 'half');
});
