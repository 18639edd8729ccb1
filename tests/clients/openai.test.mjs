// SPDX-License-Identifier: Apache-2.0
// npm `openai`, unmodified. `tiny` writes noise, so its tests look at structure; `stories` is stable when greedy.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { startServer } from '../server.mjs';

let server;
let client;
before(async () => {
  server = await startServer();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'unused', maxRetries: 0, timeout: 60_000 });
});
after(async () => { await server?.stop(); });

const say = (content) => [{ role: 'user', content }];
const weather = {
  type: 'function',
  function: {
    name: 'get_weather', description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { enum: ['Paris', 'Rome'] } }, required: ['city'], additionalProperties: false },
  },
};
const clock = { type: 'function', function: { name: 'get_time', parameters: { type: 'object', properties: {} } } };

test('a chat completion has one choice, a role, text and a usage that adds up', async () => {
  const answer = await client.chat.completions.create({ model: 'tiny', messages: say('Hello'), max_tokens: 8, seed: 1 });

  assert.match(answer.id, /^chatcmpl-/);
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.choices.length, 1);
  assert.equal(answer.choices[0].message.role, 'assistant');
  assert.equal(typeof answer.choices[0].message.content, 'string');
  assert.ok(['stop', 'length'].includes(answer.choices[0].finish_reason));
  assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens <= 8);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test('a streamed chat says the same as a whole one with the same seed, and ends with its usage', async () => {
  const request = { model: 'tiny', messages: say('Count'), max_tokens: 24, seed: 7, temperature: 0, ignore_eos: true };
  const whole = await client.chat.completions.create(request);

  const stream = await client.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);

  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? '').join(''), whole.choices[0].message.content);
  assert.equal(chunks.filter((c) => c.choices[0]?.finish_reason).length, 1);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.completion_tokens, 24);
  assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
});

test('the chat stream helper assembles the final message', async () => {
  const runner = client.chat.completions.stream({ model: 'tiny', messages: say('Hi'), max_tokens: 6, temperature: 0 });
  const final = await runner.finalChatCompletion();

  assert.equal(typeof final.choices[0].message.content, 'string');
});

test('tool_choice required gives a call of one of the tools with arguments that fit its schema', async () => {
  const answer = await client.chat.completions.create({
    model: 'tiny', messages: say('Weather?'), tools: [weather, clock], tool_choice: 'required', max_tokens: 400, seed: 3 });

  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(answer.choices[0].finish_reason, 'tool_calls');
  assert.ok(['get_weather', 'get_time'].includes(call.function.name));
  assert.equal(typeof JSON.parse(call.function.arguments), 'object');
  assert.ok(call.id.length > 0);
});

test('a named tool_choice calls that tool', async () => {
  const answer = await client.chat.completions.create({
    model: 'tiny', messages: say('Weather?'), tools: [weather, clock], max_tokens: 400, seed: 4,
    tool_choice: { type: 'function', function: { name: 'get_weather' } } });

  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'get_weather');
  assert.ok(['Paris', 'Rome'].includes(JSON.parse(call.function.arguments).city));
});

test('tool_choice none calls no tool', async () => {
  const answer = await client.chat.completions.create({
    model: 'tiny', messages: say('Weather?'), tools: [weather], tool_choice: 'none', max_tokens: 16, seed: 5 });

  assert.equal(answer.choices[0].message.tool_calls ?? null, null);
  assert.equal(typeof answer.choices[0].message.content, 'string');
});

test('a streamed tool call arrives in pieces that join to valid JSON', async () => {
  const stream = await client.chat.completions.create({
    model: 'tiny', messages: say('Weather?'), tools: [weather], tool_choice: 'required', max_tokens: 400, seed: 3, stream: true });
  let name = '';
  let id = '';
  let text = '';
  let reason;
  for await (const { choices: [choice] } of stream) {
    const call = choice?.delta.tool_calls?.[0];
    id ||= call?.id ?? '';
    name ||= call?.function?.name ?? '';
    text += call?.function?.arguments ?? '';
    reason = choice?.finish_reason ?? reason;
  }

  assert.ok(id.length > 0);
  assert.equal(name, 'get_weather');
  assert.ok(['Paris', 'Rome'].includes(JSON.parse(text).city));
  assert.equal(reason, 'tool_calls');
});

test('the answer to a tool call can be sent back', async () => {
  const answer = await client.chat.completions.create({
    model: 'tiny', max_tokens: 4, tools: [weather], tool_choice: 'none',
    messages: [...say('Weather?'),
      { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Rome"}' } }] },
      { role: 'tool', tool_call_id: 'call_1', content: 'sunny' }] });

  assert.equal(answer.choices.length, 1);
});

test('a json_schema answer parses and fits the schema', async () => {
  const schema = {
    type: 'object', additionalProperties: false, required: ['name', 'age', 'tags'],
    properties: { name: { type: 'string', maxLength: 10 }, age: { type: 'integer', minimum: 0, maximum: 120 },
      tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 3 } },
  };
  for (const seed of [1, 2, 3]) {
    const answer = await client.chat.completions.create({
      model: 'tiny', messages: say('A person'), max_tokens: 600, seed,
      response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema } } });

    assert.equal(answer.choices[0].finish_reason, 'stop');
    const value = JSON.parse(answer.choices[0].message.content);
    assert.deepEqual(Object.keys(value).sort(), ['age', 'name', 'tags']);
    assert.ok([...value.name].length <= 10);
    assert.ok(Number.isInteger(value.age) && value.age >= 0 && value.age <= 120);
    assert.ok(value.tags.length <= 3 && value.tags.every((tag) => tag === 'a' || tag === 'b'));
  }
});

test('a schema keyword that cannot be enforced is refused by name', async () => {
  await assert.rejects(
    client.chat.completions.create({ model: 'tiny', messages: say('x'), max_tokens: 4,
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', unevaluatedProperties: false, not: {} } } } }),
    (error) => error instanceof OpenAI.BadRequestError && /not|unevaluatedProperties/.test(error.message));
});

test('logprobs come one a token with the asked number of alternatives, most likely first', async () => {
  const answer = await client.chat.completions.create({
    model: 'tiny', messages: say('Hi'), max_tokens: 5, temperature: 0, logprobs: true, top_logprobs: 3, ignore_eos: true });

  const { content } = answer.choices[0].logprobs;
  assert.equal(content.length, answer.usage.completion_tokens);
  for (const token of content) {
    assert.ok(token.logprob <= 0);
    assert.equal(token.top_logprobs.length, 3);
    assert.ok(token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob);
    assert.equal(Buffer.from(token.bytes).length, token.bytes.length);
  }
});

test('n answers are numbered and counted together', async () => {
  const answer = await client.chat.completions.create({ model: 'tiny', messages: say('Hi'), max_tokens: 4, n: 3, seed: 1, ignore_eos: true });

  assert.deepEqual(answer.choices.map((choice) => choice.index).sort(), [0, 1, 2]);
  assert.equal(answer.usage.completion_tokens, 12);
});

test('a logit_bias of -100 keeps a token out', async () => {
  const request = { model: 'stories', prompt: 'Once upon a time', max_tokens: 1, temperature: 0, logprobs: 1 };
  const free = await client.completions.create(request);
  const response = await fetch(`${server.url}/tokenize`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'stories', content: free.choices[0].text, with_pieces: true }) });
  const { tokens } = await response.json();
  const bias = Object.fromEntries(tokens.map((token) => [token.id, -100]));

  const biased = await client.completions.create({ ...request, logit_bias: bias });

  assert.notEqual(biased.choices[0].text, free.choices[0].text);
});

test('a greedy completion is stable and stops before its stop string', async () => {
  const request = { model: 'stories', prompt: 'Once upon a time', max_tokens: 40, temperature: 0 };
  const first = await client.completions.create(request);
  const second = await client.completions.create(request);
  const stop = first.choices[0].text.slice(8, 14);
  const stopped = await client.completions.create({ ...request, stop: [stop] });

  assert.equal(first.object, 'text_completion');
  assert.ok(first.choices[0].text.length > 20);
  assert.equal(second.choices[0].text, first.choices[0].text);
  assert.equal(stopped.choices[0].text, first.choices[0].text.slice(0, first.choices[0].text.indexOf(stop)));
  assert.equal(stopped.choices[0].finish_reason, 'stop');
});

test('echo gives the prompt back, best_of picks one of several, a streamed completion joins to the whole', async () => {
  const echoed = await client.completions.create({ model: 'stories', prompt: 'The cat', max_tokens: 3, echo: true, temperature: 0 });
  const best = await client.completions.create({ model: 'stories', prompt: 'The cat', max_tokens: 3, best_of: 3, n: 1, seed: 2 });
  let text = '';
  for await (const chunk of await client.completions.create({ model: 'stories', prompt: 'The cat', max_tokens: 3, temperature: 0, stream: true })) {
    text += chunk.choices[0]?.text ?? '';
  }

  assert.ok(echoed.choices[0].text.startsWith('The cat'));
  assert.equal(echoed.choices[0].text, `The cat${text}`);
  assert.equal(best.choices.length, 1);
});

test('a suffix is refused by a model that cannot fill in the middle', async () => {
  await assert.rejects(client.completions.create({ model: 'stories', prompt: 'a', suffix: 'b', max_tokens: 2 }), OpenAI.BadRequestError);
});

test('embeddings have length one, and base64 carries the same numbers as float', async () => {
  const request = { model: 'tiny', input: ['one', 'two'] };
  const floats = await client.embeddings.create({ ...request, encoding_format: 'float' });
  const raw = await client.embeddings.create({ ...request, encoding_format: 'base64' });
  const bytes = Buffer.from(raw.data[1].embedding, 'base64');
  const decoded = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const byDefault = await client.embeddings.create(request);  // the client asks for base64 and decodes it

  assert.deepEqual(floats.data.map((item) => item.index), [0, 1]);
  assert.ok(Math.abs(Math.hypot(...floats.data[0].embedding) - 1) < 1e-3);
  assert.equal(decoded.length, floats.data[1].embedding.length);
  for (const [i, value] of floats.data[1].embedding.entries()) assert.ok(Math.abs(value - decoded[i]) < 1e-4);
  assert.equal(byDefault.data[0].embedding.length, decoded.length);
  assert.ok(floats.usage.prompt_tokens > 0);
});

test('fewer dimensions are a normalized beginning of the vector', async () => {
  const full = await client.embeddings.create({ model: 'tiny', input: 'one', encoding_format: 'float' });
  const cut = await client.embeddings.create({ model: 'tiny', input: 'one', dimensions: 16, encoding_format: 'float' });

  assert.equal(cut.data[0].embedding.length, 16);
  assert.ok(Math.abs(Math.hypot(...cut.data[0].embedding) - 1) < 1e-3);
  const ratio = full.data[0].embedding[0] / cut.data[0].embedding[0];
  assert.ok(Math.abs(full.data[0].embedding[5] / cut.data[0].embedding[5] - ratio) < 1e-2);
});

test('models are listed and found by id', async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  const one = await client.models.retrieve('tiny');

  assert.ok(ids.includes('tiny') && ids.includes('stories'));
  assert.equal(one.id, 'tiny');
  assert.equal(one.object, 'model');
  await assert.rejects(client.models.retrieve('nowhere'), OpenAI.NotFoundError);
});

test('a response has text, and the next one remembers it', async () => {
  const first = await client.responses.create({ model: 'tiny', input: 'My name is Ada', max_output_tokens: 16, temperature: 0 });
  const second = await client.responses.create({ model: 'tiny', input: 'Who am I?', previous_response_id: first.id, max_output_tokens: 16, temperature: 0 });

  assert.match(first.id, /^resp_/);
  assert.equal(first.object, 'response');
  assert.equal(typeof first.output_text, 'string');
  assert.equal(second.previous_response_id, first.id);
  assert.ok(second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens / 2);
});

test('a response cut by max_output_tokens is incomplete and says why', async () => {
  const answer = await client.responses.create({ model: 'tiny', input: 'Go on', max_output_tokens: 16, temperature: 0, ignore_eos: true });

  assert.equal(answer.status, 'incomplete');
  assert.equal(answer.incomplete_details.reason, 'max_output_tokens');
});

test('streamed response events are numbered without a gap and end with the whole response', async () => {
  const events = [];
  for await (const event of await client.responses.create({ model: 'tiny', input: 'Hi', max_output_tokens: 16, temperature: 0, stream: true })) events.push(event);

  assert.equal(events[0].type, 'response.created');
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, i) => i));
  const text = events.filter((event) => event.type === 'response.output_text.delta').map((event) => event.delta).join('');
  const last = events.at(-1);
  assert.ok(['response.completed', 'response.incomplete'].includes(last.type));
  assert.equal(last.response.output.find((item) => item.type === 'message').content[0].text, text);
});

test('a response with text.format json_schema parses', async () => {
  const answer = await client.responses.create({
    model: 'tiny', input: 'Yes or no?', max_output_tokens: 200, seed: 5,
    text: { format: { type: 'json_schema', name: 'vote', strict: true, schema: { type: 'object', properties: { yes: { type: 'boolean' } }, required: ['yes'], additionalProperties: false } } } });

  assert.equal(typeof JSON.parse(answer.output_text).yes, 'boolean');
});

test('an unknown previous_response_id is refused', async () => {
  await assert.rejects(client.responses.create({ model: 'tiny', input: 'x', previous_response_id: 'resp_nowhere' }),
    (error) => error instanceof OpenAI.APIError && [400, 404].includes(error.status));
});

test('errors arrive as the client\'s own classes, with a message that helps', async () => {
  const chat = (extra) => client.chat.completions.create({ model: 'tiny', messages: say('x'), max_tokens: 4, ...extra });

  await assert.rejects(chat({ model: 'nowhere' }), (e) => e instanceof OpenAI.NotFoundError && /nowhere/.test(e.message));
  await assert.rejects(chat({ temperature: 'hot' }), (e) => e instanceof OpenAI.BadRequestError && e.param === 'temperature');
  await assert.rejects(chat({ max_tokens: -5 }), OpenAI.BadRequestError);
  await assert.rejects(chat({ no_such_field: 1 }), (e) => e instanceof OpenAI.BadRequestError && /no_such_field/.test(e.message));
  await assert.rejects(chat({ messages: [] }), OpenAI.BadRequestError);
  await assert.rejects(chat({ messages: say('word '.repeat(5000)) }), OpenAI.BadRequestError);
  await assert.rejects(client.completions.create({ model: 'stories', prompt: '{', max_tokens: 2 }), OpenAI.BadRequestError);
});

test('a client that goes away mid-stream frees its place', async () => {
  const controller = new AbortController();
  const stream = await client.chat.completions.create(
    { model: 'tiny', messages: say('Hi'), max_tokens: 1900, stream: true, ignore_eos: true }, { signal: controller.signal });
  let seen = 0;
  try {
    for await (const chunk of stream) {
      seen += chunk.choices.length;
      if (seen > 3) controller.abort();
    }
  } catch (error) {
    assert.ok(error instanceof OpenAI.APIUserAbortError);
  }
  assert.ok(seen > 3);

  const deadline = Date.now() + 10_000;
  let busy = true;
  while (busy && Date.now() < deadline) {
    const slots = await (await fetch(`${server.url}/slots?model=tiny`)).json();
    busy = slots.some((slot) => slot.is_processing);
  }
  assert.equal(busy, false);
});

test('sixteen requests at once are all answered', async () => {
  const answers = await Promise.all(Array.from({ length: 16 }, (_, i) =>
    client.chat.completions.create({ model: 'tiny', messages: say(`number ${i}`), max_tokens: 12, seed: i, ignore_eos: true })));

  assert.ok(answers.every((answer) => answer.usage.completion_tokens === 12));
});
