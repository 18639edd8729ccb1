// SPDX-License-Identifier: Apache-2.0
// npm `@anthropic-ai/sdk`, unmodified. `tiny` writes noise: structure is what is looked at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { startServer } from '../server.mjs';

let server;
let client;
before(async () => {
  server = await startServer();
  client = new Anthropic({ baseURL: server.url, apiKey: 'unused', maxRetries: 0, timeout: 60_000 });
});
after(async () => { await server?.stop(); });

const say = (content) => [{ role: 'user', content }];
const tools = [{
  name: 'get_weather', description: 'The weather of a city',
  input_schema: { type: 'object', properties: { city: { enum: ['Paris', 'Rome'] } }, required: ['city'], additionalProperties: false },
}];

test('a message has a role, text blocks, a stop reason and a usage', async () => {
  const message = await client.messages.create({ model: 'tiny', max_tokens: 8, messages: say('Hello'), temperature: 0 });

  assert.match(message.id, /^msg_/);
  assert.equal(message.type, 'message');
  assert.equal(message.role, 'assistant');
  assert.equal(message.content[0].type, 'text');
  assert.ok(['end_turn', 'max_tokens'].includes(message.stop_reason));
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens <= 8);
});

test('a streamed message says the same as a whole one, in well-formed blocks', async () => {
  const request = { model: 'tiny', max_tokens: 12, messages: say('Hello'), temperature: 0 };
  const whole = await client.messages.create(request);

  const events = [];
  for await (const event of await client.messages.create({ ...request, stream: true })) events.push(event);

  assert.equal(events[0].type, 'message_start');
  assert.equal(events.at(-1).type, 'message_stop');
  let open = -1;
  let text = '';
  for (const event of events) {
    if (event.type === 'content_block_start') { assert.equal(open, -1); open = event.index; }
    if (event.type === 'content_block_delta') { assert.equal(event.index, open); text += event.delta.text ?? ''; }
    if (event.type === 'content_block_stop') { assert.equal(event.index, open); open = -1; }
  }
  assert.equal(open, -1);
  assert.equal(text, whole.content.filter((block) => block.type === 'text').map((block) => block.text).join(''));
  assert.equal(events.find((event) => event.type === 'message_delta').delta.stop_reason, whole.stop_reason);
});

test('the stream helper assembles the final message', async () => {
  const message = await client.messages.stream({ model: 'tiny', max_tokens: 6, messages: say('Hi') }).finalMessage();

  assert.equal(message.role, 'assistant');
});

test('tool_choice any gives a tool_use block with an input that fits', async () => {
  const message = await client.messages.create({ model: 'tiny', max_tokens: 400, messages: say('Weather?'), tools,
    tool_choice: { type: 'any', disable_parallel_tool_use: true } });  // the noise model would call for ever

  const call = message.content.find((block) => block.type === 'tool_use');
  // After its first call the noise model may begin further ones until its tokens are used up.
  assert.ok(['tool_use', 'max_tokens'].includes(message.stop_reason));
  assert.equal(call.name, 'get_weather');
  assert.ok(['Paris', 'Rome'].includes(call.input.city));
});

test('tool_choice tool calls that tool, also streamed', async () => {
  const message = await client.messages.stream({
    model: 'tiny', max_tokens: 400, messages: say('Weather?'), tools, tool_choice: { type: 'tool', name: 'get_weather' } }).finalMessage();

  const call = message.content.find((block) => block.type === 'tool_use');
  assert.ok(['Paris', 'Rome'].includes(call.input.city));
});

test('tool_choice none calls no tool', async () => {
  const message = await client.messages.create({ model: 'tiny', max_tokens: 12, messages: say('Weather?'), tools, tool_choice: { type: 'none' } });

  assert.ok(message.content.every((block) => block.type !== 'tool_use'));
});

test('a tool result and a system prompt of blocks are taken', async () => {
  const message = await client.messages.create({
    model: 'tiny', max_tokens: 4, tools, tool_choice: { type: 'none' }, system: [{ type: 'text', text: 'Be brief.' }],
    messages: [...say('Weather?'),
      { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Rome' } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'sunny' }] }] });

  assert.equal(message.role, 'assistant');
});

test('counted tokens are those a message then uses', async () => {
  const request = { model: 'tiny', messages: say('How many tokens are these?') };
  const counted = await client.messages.countTokens(request);
  const message = await client.messages.create({ ...request, max_tokens: 1 });
  const { input_tokens: fresh, cache_read_input_tokens: cached } = message.usage;

  assert.equal(counted.input_tokens, fresh + (cached ?? 0));
});

test('models are listed and found by id', async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);

  assert.ok(ids.includes('tiny'));
  assert.equal((await client.models.retrieve('tiny')).id, 'tiny');
});

test('errors arrive as the client\'s own classes', async () => {
  const create = (extra) => client.messages.create({ model: 'tiny', max_tokens: 4, messages: say('x'), ...extra });

  await assert.rejects(create({ model: 'nowhere' }), (e) => e instanceof Anthropic.NotFoundError && e.error.error.type === 'not_found_error');
  await assert.rejects(create({ max_tokens: undefined }), Anthropic.BadRequestError);
  await assert.rejects(create({ temperature: 'hot' }), Anthropic.BadRequestError);
  await assert.rejects(create({ messages: [] }), Anthropic.BadRequestError);
  await assert.rejects(create({ no_such_field: 1 }), Anthropic.BadRequestError);
});

test('a client that goes away mid-stream frees its place', async () => {
  const stream = await client.messages.create({ model: 'tiny', max_tokens: 1900, messages: say('Hi'), stream: true });
  let deltas = 0;
  for await (const event of stream) {
    deltas += event.type === 'content_block_delta';
    if (deltas === 3) stream.controller.abort();
  }

  const deadline = Date.now() + 10_000;
  let busy = true;
  while (busy && Date.now() < deadline) {
    busy = (await (await fetch(`${server.url}/slots?model=tiny`)).json()).some((slot) => slot.is_processing);
  }
  assert.equal(busy, false);
});
