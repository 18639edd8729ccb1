// SPDX-License-Identifier: Apache-2.0
// Every client API against every provider protocol, whole and streamed: text, parallel tool calls with their results,
// thinking, images, schemas, stop reasons, usage. What a pair cannot carry is a 400 that names it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from '../server.mjs';
import { protocols, scenarios, startReplay } from './replay.mjs';
import { startUpstream } from './upstream.mjs';

const timed = (name, run) => test(name, { timeout: 120_000 }, run);
const kinds = Object.keys(protocols);
const replays = {};
let server, sglang;
before(async () => {
  for (const kind of kinds) replays[kind] = await startReplay(kind);
  sglang = await startUpstream('generate');
  server = await startServer({ config: `
log: {level: warn}
providers:
${kinds.map((kind) => `  - {name: ${kind}, kind: ${kind}, url: "${replays[kind].url}", zone: cloud, models: [{name: m, model: up-m, capabilities: [chat, tools, json, vision, reasoning]}]}`).join('\n')}
  - {name: sglang, kind: sglang, url: "${sglang.url}", zone: cloud, models: [{name: m, capabilities: [chat, completion, json, grammar, logprobs]}]}
policy: {default_label: public, zones: {device: restricted, cloud: public}}
` });
});
after(async () => { await server?.stop(); for (const kind of kinds) replays[kind]?.close(); sglang?.close(); });

const kImage = 'iVBORw0KGgo=';
const kSchema = { type: 'object', properties: { city: { type: 'string' }, unit: { type: 'string' } }, required: ['city'] };
/** One conversation in one form: `turn` is what is asked. */
const turns = {
  plain: { system: 'Be brief.', user: 'Hi there', max: 40, stop: ['END'] },
  tools: { user: 'Weather?', max: 40, tools: true },
  forced: { user: 'Weather?', max: 40, tools: true, choice: 'any' },
  named: { user: 'Weather?', max: 40, tools: true, choice: 'weather' },
  results: { user: 'Weather?', max: 40, tools: true, history: true },
  image: { user: 'What is it?', max: 40, image: kImage },
  schema: { user: 'Where?', max: 40, schema: kSchema },
  think: { user: 'Two and two?', max: 4000, think: true },
};
const history = [{ id: 'call_a', name: 'weather', args: { city: 'Oslo' }, result: 'snow' }, { id: 'call_b', name: 'weather', args: { city: 'Rome' }, result: 'sun' }];

const events = (text) => text.split(/\r?\n/).filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));
const post = async (path, body) => {
  const response = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body) });
  if (response.status !== 200) throw Object.assign(new Error(await response.text()), { status: response.status });
  return response;
};
const merge = (calls, index, name, args) => { calls[index] ??= { name: '', args: '' }; calls[index].name ||= name ?? ''; calls[index].args += args ?? ''; };
const parsed = (calls) => calls.map(({ name, args }) => ({ name, args: JSON.parse(args) }));

const clients = {
  openai: async (model, turn, stream) => {
    const functionTool = { type: 'function', function: { name: 'weather', description: 'of a city', parameters: kSchema } };
    const response = await post('/v1/chat/completions', { model, stream, max_tokens: turn.max, stop: turn.stop,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
      messages: [...(turn.system ? [{ role: 'system', content: turn.system }] : []),
        { role: 'user', content: turn.image ? [{ type: 'text', text: turn.user }, { type: 'image_url', image_url: { url: `data:image/png;base64,${turn.image}` } }] : turn.user },
        ...(turn.history ? [{ role: 'assistant', content: null, tool_calls: history.map((c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: JSON.stringify(c.args) } })) },
          ...history.map((c) => ({ role: 'tool', tool_call_id: c.id, content: c.result }))] : [])],
      ...(turn.tools ? { tools: [functionTool] } : {}),
      ...(turn.choice ? { tool_choice: turn.choice === 'any' ? 'required' : { type: 'function', function: { name: turn.choice } } } : {}),
      ...(turn.schema ? { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: turn.schema } } } : {}),
      ...(turn.think ? { reasoning_effort: 'low' } : {}) });
    const calls = [];
    let text = '', reasoning = '', stop, usage;
    const take = (m, finish) => {
      text += m.content ?? ''; reasoning += m.reasoning_content ?? '';
      (m.tool_calls ?? []).forEach((c, i) => merge(calls, c.index ?? i, c.function.name, c.function.arguments));
      stop = finish ?? stop;
    };
    if (stream) for (const e of events(await response.text())) { if (e.choices[0]) take(e.choices[0].delta, e.choices[0].finish_reason); usage = e.usage ?? usage; } else {
      const body = await response.json(); take(body.choices[0].message, body.choices[0].finish_reason); usage = body.usage;
    }
    return { text, reasoning, calls: parsed(calls), stop: { stop: 'stop', length: 'length', tool_calls: 'tool' }[stop], usage: [usage.prompt_tokens, usage.completion_tokens] };
  },
  responses: async (model, turn, stream) => {
    const response = await post('/v1/responses', { model, stream, max_output_tokens: turn.max, instructions: turn.system,
      input: [{ role: 'user', content: turn.image ? [{ type: 'input_text', text: turn.user }, { type: 'input_image', image_url: `data:image/png;base64,${turn.image}` }] : turn.user },
        ...(turn.history ? [...history.map((c) => ({ type: 'function_call', call_id: c.id, name: c.name, arguments: JSON.stringify(c.args) })),
          ...history.map((c) => ({ type: 'function_call_output', call_id: c.id, output: c.result }))] : [])],
      ...(turn.tools ? { tools: [{ type: 'function', name: 'weather', parameters: kSchema }] } : {}),
      ...(turn.choice ? { tool_choice: turn.choice === 'any' ? 'required' : { type: 'function', name: turn.choice } } : {}),
      ...(turn.schema ? { text: { format: { type: 'json_schema', name: 'x', schema: turn.schema } } } : {}),
      ...(turn.think ? { reasoning: { effort: 'low' } } : {}) });
    const body = stream ? events(await response.text()).findLast((e) => e.response).response : await response.json();
    const of = (type) => body.output.filter((item) => item.type === type);
    return { text: of('message').flatMap((m) => m.content).map((c) => c.text).join(''),
      reasoning: of('reasoning').flatMap((r) => [...(r.content ?? []), ...(r.summary ?? [])]).map((c) => c.text).join(''),
      calls: of('function_call').map((c) => ({ name: c.name, args: JSON.parse(c.arguments) })),
      stop: body.status === 'incomplete' ? 'length' : of('function_call').length > 0 ? 'tool' : 'stop', usage: [body.usage.input_tokens, body.usage.output_tokens] };
  },
  anthropic: async (model, turn, stream) => {
    const response = await post('/v1/messages', { model, stream, max_tokens: turn.max, stop_sequences: turn.stop, system: turn.system,
      messages: [{ role: 'user', content: turn.image ? [{ type: 'text', text: turn.user }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: turn.image } }] : turn.user },
        ...(turn.history ? [{ role: 'assistant', content: history.map((c) => ({ type: 'tool_use', id: c.id, name: c.name, input: c.args })) },
          { role: 'user', content: history.map((c) => ({ type: 'tool_result', tool_use_id: c.id, content: c.result })) }] : [])],
      ...(turn.tools ? { tools: [{ name: 'weather', input_schema: kSchema }] } : {}),
      ...(turn.choice ? { tool_choice: turn.choice === 'any' ? { type: 'any' } : { type: 'tool', name: turn.choice } } : {}),
      ...(turn.schema ? { output_config: { format: { type: 'json_schema', schema: turn.schema } } } : {}),
      ...(turn.think ? { output_config: { effort: 'low' } } : {}) });
    const blocks = [];
    let stop, usage;
    if (stream) for (const e of events(await response.text())) {
      if (e.type === 'content_block_start') blocks[e.index] = { ...e.content_block, json: '' };
      if (e.type === 'content_block_delta') { const b = blocks[e.index]; b.text += e.delta.text ?? ''; b.thinking += e.delta.thinking ?? ''; b.json += e.delta.partial_json ?? ''; }
      if (e.type === 'message_delta') { stop = e.delta.stop_reason; usage = e.usage; }
    } else { const body = await response.json(); blocks.push(...body.content.map((b) => ({ ...b, json: JSON.stringify(b.input) }))); stop = body.stop_reason; usage = body.usage; }
    const of = (type, field) => blocks.filter((b) => b.type === type).map((b) => b[field]).join('');
    return { text: of('text', 'text'), reasoning: of('thinking', 'thinking'), calls: blocks.filter((b) => b.type === 'tool_use').map((b) => ({ name: b.name, args: JSON.parse(b.json) })),
      stop: { end_turn: 'stop', max_tokens: 'length', model_context_window_exceeded: 'length', tool_use: 'tool' }[stop], usage: [usage.input_tokens, usage.output_tokens] };
  },
  gemini: async (model, turn, stream) => {
    const response = await post(`/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`, {
      ...(turn.system ? { systemInstruction: { parts: [{ text: turn.system }] } } : {}),
      contents: [{ role: 'user', parts: [{ text: turn.user }, ...(turn.image ? [{ inlineData: { mimeType: 'image/png', data: turn.image } }] : [])] },
        ...(turn.history ? [{ role: 'model', parts: history.map((c) => ({ functionCall: { id: c.id, name: c.name, args: c.args } })) },
          { role: 'user', parts: history.map((c) => ({ functionResponse: { id: c.id, name: c.name, response: { result: c.result } } })) }] : [])],
      ...(turn.tools ? { tools: [{ functionDeclarations: [{ name: 'weather', parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' }, unit: { type: 'STRING', nullable: true } }, required: ['city'] } }] }] } : {}),
      ...(turn.choice ? { toolConfig: { functionCallingConfig: { mode: 'ANY', ...(turn.choice === 'any' ? {} : { allowedFunctionNames: [turn.choice] }) } } } : {}),
      generationConfig: { maxOutputTokens: turn.max, stopSequences: turn.stop, ...(turn.schema ? { responseMimeType: 'application/json', responseJsonSchema: turn.schema } : {}),
        thinkingConfig: { includeThoughts: true, ...(turn.think ? { thinkingLevel: 'low' } : {}) } } });
    const all = stream ? events(await response.text()) : [await response.json()];
    const parts = all.flatMap((e) => e.candidates[0].content.parts);
    const last = all.at(-1);
    const calls = parts.filter((p) => p.functionCall).map((p) => ({ name: p.functionCall.name, args: p.functionCall.args }));
    return { text: parts.filter((p) => !p.thought).map((p) => p.text ?? '').join(''), reasoning: parts.filter((p) => p.thought).map((p) => p.text).join(''), calls,
      stop: last.candidates[0].finishReason === 'MAX_TOKENS' ? 'length' : calls.length > 0 ? 'tool' : 'stop',
      usage: [last.usageMetadata.promptTokenCount, last.usageMetadata.candidatesTokenCount + (last.usageMetadata.thoughtsTokenCount ?? 0)] };
  },
  ollama: async (model, turn, stream) => {
    const response = await post('/api/chat', { model, stream, options: { num_predict: turn.max, stop: turn.stop },
      messages: [...(turn.system ? [{ role: 'system', content: turn.system }] : []), { role: 'user', content: turn.user, ...(turn.image ? { images: [turn.image] } : {}) },
        ...(turn.history ? [{ role: 'assistant', content: '', tool_calls: history.map((c) => ({ id: c.id, function: { name: c.name, arguments: c.args } })) },
          ...history.map((c) => ({ role: 'tool', tool_call_id: c.id, tool_name: c.name, content: c.result }))] : [])],
      ...(turn.tools ? { tools: [{ type: 'function', function: { name: 'weather', parameters: kSchema } }] } : {}),
      ...(turn.schema ? { format: turn.schema } : {}), ...(turn.think ? { think: 'low' } : {}) });
    const lines = stream ? (await response.text()).trim().split('\n').map((line) => JSON.parse(line)) : [await response.json()];
    const last = lines.at(-1);
    const calls = lines.flatMap((l) => l.message.tool_calls ?? []).map((c) => ({ name: c.function.name, args: c.function.arguments }));
    return { text: lines.map((l) => l.message.content).join(''), reasoning: lines.map((l) => l.message.thinking ?? '').join(''), calls,
      stop: last.done_reason === 'length' ? 'length' : calls.length > 0 ? 'tool' : 'stop', usage: [last.prompt_eval_count, last.eval_count] };
  },
};

/** What the two APIs of a pair have no word for. */
const cannot = {
  'openai ollama': { forced: /tool_choice/, named: /tool_choice/ },
  'responses ollama': { forced: /tool_choice/, named: /tool_choice/ },
  'anthropic ollama': { forced: /tool_choice/, named: /tool_choice/ },
  'gemini ollama': { forced: /tool_choice/, named: /tool_choice/ },
};
/** Client APIs without such a field: nothing to ask. */
const lacks = { ollama: ['forced', 'named'] };

for (const client of Object.keys(clients)) {
  for (const kind of kinds) {
    timed(`${client} in, ${kind} out: answers`, async () => {
      for (const [scenario, wanted] of Object.entries(scenarios)) {
        for (const stream of [false, true]) {
          replays[kind].play(scenario);
          const got = await clients[client](`${kind}/m`, turns.tools, stream);
          assert.deepEqual(got, { text: wanted.text ?? '', reasoning: wanted.reasoning ?? '', calls: wanted.calls ?? [], stop: wanted.stop, usage: wanted.usage },
            `${scenario}${stream ? ', streamed' : ''}`);
        }
      }
    });
    timed(`${client} in, ${kind} out: questions`, async () => {
      for (const [name, turn] of Object.entries(turns)) {
        if (lacks[client]?.includes(name)) continue;
        replays[kind].play(turn.tools && !turn.history ? 'tool' : 'text');
        const named = cannot[`${client} ${kind}`]?.[name];
        if (named) {
          await assert.rejects(clients[client](`${kind}/m`, turn, true), (error) => error.status === 400 && named.test(error.message), name);
          assert.equal(replays[kind].asked(), undefined, 'nothing was sent');
          continue;
        }
        await clients[client](`${kind}/m`, turn, true);
        const asked = replays[kind].asked();
        assert.equal(asked.model, 'up-m');
        if (name !== 'think') assert.equal(asked.max, turn.max, name);
        assert.equal(asked.user, turn.user, name);
        assert.equal(asked.system, turn.system ?? '', name);
        if (client !== 'responses') assert.deepEqual(asked.stop, turn.stop ?? [], name);
        assert.deepEqual(asked.tools, turn.tools ? [['weather', ['city', 'unit']]] : [], name);
        if (turn.choice) assert.equal(asked.choice, turn.choice, name);
        assert.equal(asked.image, turn.image, name);
        if (turn.schema) assert.deepEqual(asked.schema, turn.schema, name);
        if (!turn.history) continue;
        assert.deepEqual(asked.called, history.map((c) => [c.id, c.name, c.args]));
        assert.deepEqual(asked.results, history.map((c) => [c.id, c.result]));
      }
    });
  }
}

timed('Anthropic to Anthropic: thoughts keep their seal, and marks of the cache and betas arrive', async () => {
  const ask = (messages, fields = {}) => fetch(`${server.url}/v1/messages`, { method: 'POST', headers: { 'anthropic-beta': 'fine-2026' },
    body: JSON.stringify({ model: 'anthropic/m', max_tokens: 40, messages, ...fields }) });
  replays.anthropic.play('reasoning');
  const first = await (await ask([{ role: 'user', content: 'Two and two?' }])).json();
  assert.equal(first.content[0].signature, 'xyz');
  const streamed = events(await (await ask([{ role: 'user', content: 'Two and two?' }], { stream: true })).text());
  assert.deepEqual(streamed.filter((e) => e.delta?.type === 'signature_delta').map((e) => e.delta.signature), ['xyz']);

  const messages = [{ role: 'user', content: [{ type: 'text', text: 'Two and two?', cache_control: { type: 'ephemeral' } }] },
    { role: 'assistant', content: first.content }, { role: 'user', content: 'Sure?' }];
  const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
  assert.equal((await ask(messages, { tools })).status, 200);
  const { sent, headers } = replays.anthropic.asked();
  assert.deepEqual(sent, { model: 'up-m', stream: true, max_tokens: 40, messages, tools });
  assert.equal(headers['anthropic-beta'], 'fine-2026');

  // Thoughts without a seal are ours or another provider's: Anthropic would refuse them, so they stay out.
  messages[1] = { role: 'assistant', content: [{ type: 'thinking', thinking: 'four', signature: '' }, { type: 'text', text: '4' }] };
  assert.equal((await ask(messages)).status, 200);
  assert.deepEqual(replays.anthropic.asked().sent.messages[1].content, [{ type: 'text', text: '4' }]);
});

/** As Anthropic streams it, and what a client makes of it. */
const rich = [
  [{ type: 'thinking', thinking: '', signature: '' }, { type: 'thinking_delta', thinking: 'Search.' }, { type: 'signature_delta', signature: 's1' }],
  [{ type: 'redacted_thinking', data: 'hidden' }],
  [{ type: 'thinking', thinking: '', signature: '' }, { type: 'signature_delta', signature: 's2' }],
  [{ type: 'text', text: '' }, { type: 'text_delta', text: 'I look.' }],
  [{ type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: {} }, { type: 'input_json_delta', partial_json: '{"query":' }, { type: 'input_json_delta', partial_json: '"x"}' }],
  [{ type: 'web_search_tool_result', tool_use_id: 'srv_1', content: [{ type: 'web_search_result', url: 'u', encrypted_content: 'e' }] }],
  [{ type: 'text', text: '', citations: [] }, { type: 'text_delta', text: 'It is.' }, { type: 'citations_delta', citation: { url: 'u', encrypted_index: 'i' } }],
  [{ type: 'text', text: '' }, { type: 'text_delta', text: 'So.' }],
];
const richContent = [{ type: 'thinking', thinking: 'Search.', signature: 's1' }, { type: 'redacted_thinking', data: 'hidden' }, { type: 'thinking', thinking: '', signature: 's2' },
  { type: 'text', text: 'I look.' }, { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { query: 'x' } },
  { type: 'web_search_tool_result', tool_use_id: 'srv_1', content: [{ type: 'web_search_result', url: 'u', encrypted_content: 'e' }] },
  { type: 'text', text: 'It is.', citations: [{ url: 'u', encrypted_index: 'i' }] }, { type: 'text', text: 'So.' }];

timed('Anthropic to Anthropic: every block of an answer comes in its place, and goes back', async () => {
  const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
  const ask = (messages, fields = {}) => post('/v1/messages', { model: 'anthropic/m', max_tokens: 40, messages, tools, ...fields });
  const messages = [{ role: 'user', content: 'Is it?' }];
  replays.anthropic.play({ blocks: rich, stop: 'pause_turn', usage: [5, 5] });
  const whole = await (await ask(messages)).json();
  assert.deepEqual(whole.content, richContent);
  assert.equal(whole.stop_reason, 'pause_turn');
  const blocks = [], json = [];
  for (const e of events(await (await ask(messages, { stream: true })).text())) {
    if (e.type === 'content_block_start') { blocks[e.index] = e.content_block; json[e.index] = ''; }
    if (e.type !== 'content_block_delta') continue;
    const block = blocks[e.index], { type, ...fields } = e.delta;
    for (const name of ['text', 'thinking', 'signature']) if (name in fields) block[name] += fields[name];
    if (type === 'input_json_delta') block.input = JSON.parse(json[e.index] += fields.partial_json);
    if (type === 'citations_delta') block.citations.push(fields.citation);
  }
  assert.deepEqual(blocks, richContent);
  await ask([...messages, { role: 'assistant', content: whole.content }]);
  assert.deepEqual(replays.anthropic.asked().sent.messages[1].content, richContent);
  // Others get the words.
  const chat = await (await post('/v1/chat/completions', { model: 'anthropic/m', messages })).json();
  assert.deepEqual([chat.choices[0].message.content, chat.choices[0].message.reasoning_content], ['I look.It is.So.', 'Search.']);
  replays.anthropic.play({ text: 'No.', stop: 'refusal', usage: [5, 1] });
  assert.equal((await (await ask(messages)).json()).stop_reason, 'refusal');
  assert.equal((await (await post('/v1/chat/completions', { model: 'anthropic/m', messages })).json()).choices[0].finish_reason, 'content_filter');
});

timed('Gemini to Gemini: calls keep their signature, parts and signatures of texts pass; calls of others get the word that stands for one', async () => {
  const ask = (method, contents) => post(`/v1beta/models/gemini/m:${method}`, { contents, tools: [{ functionDeclarations: [{ name: 'weather' }] }] });
  const contents = [{ role: 'user', parts: [{ text: 'Weather?' }] }];
  const partsOf = (responses) => responses.flatMap((r) => r.candidates[0].content.parts);
  replays.gemini.play('tools');
  for (const answer of [[await (await ask('generateContent', contents)).json()], events(await (await ask('streamGenerateContent?alt=sse', contents)).text())]) {
    assert.deepEqual(partsOf(answer).filter((p) => p.functionCall).map((p) => p.thoughtSignature), ['c2ln', undefined]);
  }
  const odd = [{ executableCode: { language: 'PYTHON', code: '1+1' } }, { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '2' } }, { inlineData: { mimeType: 'image/png', data: kImage } }];
  replays.gemini.play({ parts: [...odd, { text: 'Two.', thoughtSignature: 'dGV4dA==' }], stop: 'stop', usage: [5, 5] });
  assert.deepEqual(partsOf([await (await ask('generateContent', contents)).json()]), [...odd, { text: 'Two.' }, { text: '', thoughtSignature: 'dGV4dA==' }]);
  await ask('generateContent', [...contents, { role: 'model', parts: odd }]);
  assert.deepEqual(replays.gemini.asked().sent.contents[1].parts, odd);

  replays.gemini.play('text');
  const signatures = () => replays.gemini.asked().sent.contents[1].parts.filter((p) => p.functionCall).map((p) => p.thoughtSignature);
  for (const client of ['openai', 'responses', 'anthropic', 'ollama']) {
    await clients[client]('gemini/m', turns.results, true);
    assert.deepEqual(signatures(), ['skip_thought_signature_validator', undefined], client);
  }
  await clients.gemini('gemini/m', turns.results, true);
  assert.deepEqual(signatures(), [undefined, undefined], 'as the client wrote it');
});

timed('raw prompts to SGLang: its own route, with its regular expressions, schemas and counts of the cache', async () => {
  const ask = async (fields) => (await post('/v1/completions', { model: 'sglang/m', prompt: 'Once', max_tokens: 8, ...fields })).json();
  const whole = await ask({ structured_outputs: { regex: '[a-z ]+' }, stop: ['END'], logprobs: 1 });
  assert.equal(whole.choices[0].text, ' upon a tïme');
  assert.deepEqual(whole.choices[0].logprobs.token_logprobs, [-0.5, -0.25]);
  assert.equal(whole.choices[0].finish_reason, 'stop');
  assert.deepEqual([whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.prompt_tokens_details.cached_tokens], [4, 2, 3]);
  const { url, body } = sglang.requests.at(-1);
  assert.equal(url, '/generate');
  assert.deepEqual(body.sampling_params, { max_new_tokens: 8, stop: ['END'], regex: '[a-z ]+' });
  await ask({ structured_outputs: { json: kSchema } });
  assert.deepEqual(JSON.parse(sglang.requests.at(-1).body.sampling_params.json_schema), kSchema);
  const streamed = events(await (await post('/v1/completions', { model: 'sglang/m', prompt: 'Once', max_tokens: 8, stream: true })).text());
  assert.equal(streamed.map((e) => e.choices[0]?.text ?? '').join(''), ' upon a tïme');
  await assert.rejects(post('/v1/completions', { model: 'sglang/m', prompt: 'Once', mirostat: 2 }), (error) => error.status === 400 && /mirostat/.test(error.message));
});
