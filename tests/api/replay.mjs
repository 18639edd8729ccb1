// SPDX-License-Identifier: Apache-2.0
// Servers that answer as OpenAI, Anthropic, Gemini and Ollama do, in the shapes their documentation and their own
// streams show. One scenario after the other; what was asked is read back into one form, so that a test can see that
// nothing was lost on the way.
import http from 'node:http';

const sse = (events) => events.map((event) => (event.type ? `event: ${event.type}\n` : '') + `data: ${JSON.stringify(event)}\n\n`);
const schemaOf = (tool) => Object.keys(tool?.properties ?? {}).sort();

/** What each scenario answers. `calls` come with ids of the server's making. */
export const scenarios = {
  text: { text: 'Hello, wörld 👋', stop: 'stop', usage: [11, 5] },
  length: { text: 'Hello, and', stop: 'length', usage: [11, 2] },
  reasoning: { reasoning: 'Let me think.', text: 'Four.', stop: 'stop', usage: [12, 9] },
  tool: { calls: [{ name: 'weather', args: { city: 'Zürich' } }], stop: 'tool', usage: [40, 12] },
  tools: { text: 'I look it up.', calls: [{ name: 'weather', args: { city: 'Oslo' } }, { name: 'weather', args: { city: 'Rome', unit: 'C' } }],
    stop: 'tool', usage: [40, 25] },
};

const openai = {
  path: '/v1/chat/completions',
  read(body) {
    const image = body.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : [])).find((p) => p.type === 'image_url');
    const text = (content) => (typeof content === 'string' ? content : (content ?? []).map((p) => p.text ?? '').join(''));
    return {
      model: body.model, max: body.max_tokens ?? body.max_completion_tokens, stop: [].concat(body.stop ?? []),
      system: body.messages.filter((m) => m.role === 'system' || m.role === 'developer').map((m) => text(m.content)).join(''),
      user: text(body.messages.findLast((m) => m.role === 'user')?.content),
      tools: (body.tools ?? []).map((t) => [t.function.name, schemaOf(t.function.parameters)]),
      choice: body.tool_choice === 'required' ? 'any' : body.tool_choice?.function?.name ?? 'auto',
      called: body.messages.flatMap((m) => m.tool_calls ?? []).map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]),
      results: body.messages.filter((m) => m.role === 'tool').map((m) => [m.tool_call_id, text(m.content)]),
      image: image && /base64,(.*)/.exec(image.image_url.url)[1], schema: body.response_format?.json_schema?.schema,
    };
  },
  answer(s) {
    const chunk = (delta, finish = null) => ({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm-1', choices: [{ index: 0, delta, finish_reason: finish }] });
    const events = [chunk({ role: 'assistant', content: '' })];
    if (s.reasoning) for (const part of halves(s.reasoning)) events.push(chunk({ reasoning_content: part }));
    if (s.text) for (const part of halves(s.text)) events.push(chunk({ content: part }));
    (s.calls ?? []).forEach((call, index) => {
      events.push(chunk({ tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: call.name, arguments: '' } }] }));
      for (const part of halves(JSON.stringify(call.args))) events.push(chunk({ tool_calls: [{ index, function: { arguments: part } }] }));
    });
    events.push(chunk({}, { stop: 'stop', length: 'length', tool: 'tool_calls' }[s.stop]));
    events.push({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm-1', choices: [],
      usage: { prompt_tokens: s.usage[0], completion_tokens: s.usage[1], total_tokens: s.usage[0] + s.usage[1] } });
    return ['text/event-stream', [...sse(events), 'data: [DONE]\n\n']];
  },
};

const anthropic = {
  path: '/v1/messages',
  read(body) {
    const blocks = body.messages.flatMap((m) => m.content.map?.((b) => ({ role: m.role, ...b })) ?? [{ role: m.role, type: 'text', text: m.content }]);
    return {
      model: body.model, max: body.max_tokens, stop: body.stop_sequences ?? [],
      system: [].concat(body.system ?? []).map((b) => b.text ?? b).join(''),
      user: blocks.filter((b) => b.role === 'user' && b.type === 'text').map((b) => b.text).at(-1),
      tools: (body.tools ?? []).map((t) => [t.name, schemaOf(t.input_schema)]),
      choice: body.tool_choice?.type === 'any' ? 'any' : body.tool_choice?.name ?? 'auto',
      called: blocks.filter((b) => b.type === 'tool_use').map((b) => [b.id, b.name, b.input]),
      results: blocks.filter((b) => b.type === 'tool_result').map((b) => [b.tool_use_id, b.content.map?.((c) => c.text).join('') ?? b.content]),
      image: blocks.find((b) => b.type === 'image')?.source.data, schema: body.output_config?.format?.schema,
    };
  },
  answer(s) {
    const events = [{ type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm-1', content: [], stop_reason: null,
      usage: { input_tokens: s.usage[0], cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 } } }, { type: 'ping' }];
    let index = 0;
    const block = (open, deltas) => {
      events.push({ type: 'content_block_start', index, content_block: open });
      for (const delta of deltas) events.push({ type: 'content_block_delta', index, delta });
      events.push({ type: 'content_block_stop', index });
      index += 1;
    };
    for (const [open, ...deltas] of s.blocks ?? []) block(open, deltas);
    if (s.reasoning) block({ type: 'thinking', thinking: '', signature: '' }, [...halves(s.reasoning).map((thinking) => ({ type: 'thinking_delta', thinking })), { type: 'signature_delta', signature: 'xyz' }]);
    if (s.text) block({ type: 'text', text: '' }, halves(s.text).map((text) => ({ type: 'text_delta', text })));
    (s.calls ?? []).forEach((call, i) => block({ type: 'tool_use', id: `toolu_${i}`, name: call.name, input: {} },
      halves(JSON.stringify(call.args)).map((partial_json) => ({ type: 'input_json_delta', partial_json }))));
    events.push({ type: 'message_delta', delta: { stop_reason: { stop: 'end_turn', length: 'max_tokens', tool: 'tool_use' }[s.stop] ?? s.stop, stop_sequence: null }, usage: { output_tokens: s.usage[1] } });
    events.push({ type: 'message_stop' });
    return ['text/event-stream', sse(events)];
  },
};

const gemini = {
  path: /^\/v1beta\/models\/([^/]+):streamGenerateContent\?alt=sse$/,
  read(body, url) {
    const parts = body.contents.flatMap((c) => c.parts.map((p) => ({ role: c.role, ...p })));
    const config = body.generationConfig ?? {};
    const calling = body.toolConfig?.functionCallingConfig ?? {};
    return {
      model: gemini.path.exec(url)[1], max: config.maxOutputTokens, stop: config.stopSequences ?? [],
      system: (body.systemInstruction?.parts ?? []).map((p) => p.text).join(''),
      user: parts.filter((p) => p.role === 'user' && p.text !== undefined).map((p) => p.text).at(-1),
      tools: (body.tools?.[0]?.functionDeclarations ?? []).map((f) => [f.name, schemaOf(f.parametersJsonSchema ?? f.parameters)]),
      choice: calling.mode === 'ANY' ? calling.allowedFunctionNames?.[0] ?? 'any' : 'auto',
      called: parts.filter((p) => p.functionCall).map((p) => [p.functionCall.id, p.functionCall.name, p.functionCall.args]),
      results: parts.filter((p) => p.functionResponse).map((p) => [p.functionResponse.id, p.functionResponse.response.result ?? JSON.stringify(p.functionResponse.response)]),
      image: parts.find((p) => p.inlineData)?.inlineData.data, schema: config.responseJsonSchema,
    };
  },
  answer(s) {
    const usage = { promptTokenCount: s.usage[0], candidatesTokenCount: s.usage[1], totalTokenCount: s.usage[0] + s.usage[1] };
    const chunk = (parts, finishReason) => ({ candidates: [{ content: { parts, role: 'model' }, index: 0, ...(finishReason ? { finishReason } : {}) }],
      usageMetadata: usage, modelVersion: 'm-1', responseId: 'r1' });
    const events = [];
    if (s.reasoning) for (const text of halves(s.reasoning)) events.push(chunk([{ text, thought: true }]));
    if (s.text) for (const text of halves(s.text)) events.push(chunk([{ text }]));
    if (s.calls) events.push(chunk(s.calls.map((call, i) => ({ functionCall: { name: call.name, args: call.args }, ...(i === 0 ? { thoughtSignature: 'c2ln' } : {}) }))));
    if (s.parts) events.push(chunk(s.parts));
    events.push(chunk([{ text: '' }], s.stop === 'length' ? 'MAX_TOKENS' : 'STOP'));
    return ['text/event-stream', sse(events)];
  },
};

const ollama = {
  path: '/api/chat',
  read(body) {
    return {
      model: body.model, max: body.options?.num_predict, stop: [].concat(body.options?.stop ?? []),
      system: body.messages.filter((m) => m.role === 'system').map((m) => m.content).join(''),
      user: body.messages.findLast((m) => m.role === 'user')?.content,
      tools: (body.tools ?? []).map((t) => [t.function.name, schemaOf(t.function.parameters)]),
      choice: 'auto',
      called: body.messages.flatMap((m) => m.tool_calls ?? []).map((c) => [c.id, c.function.name, c.function.arguments]),
      results: body.messages.filter((m) => m.role === 'tool').map((m) => [m.tool_call_id, m.content]),
      image: body.messages.flatMap((m) => m.images ?? [])[0], schema: typeof body.format === 'object' ? body.format : undefined,
    };
  },
  answer(s) {
    const line = (message, more = {}) => `${JSON.stringify({ model: 'm-1', created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', content: '', ...message }, done: false, ...more })}\n`;
    const lines = [];
    if (s.reasoning) for (const thinking of halves(s.reasoning)) lines.push(line({ thinking }));
    if (s.text) for (const content of halves(s.text)) lines.push(line({ content }));
    for (const call of s.calls ?? []) lines.push(line({ tool_calls: [{ function: { name: call.name, arguments: call.args } }] }));
    lines.push(line({}, { done: true, done_reason: s.stop === 'length' ? 'length' : 'stop', total_duration: 5, load_duration: 1, prompt_eval_count: s.usage[0],
      prompt_eval_duration: 2, eval_count: s.usage[1], eval_duration: 2 }));
    return ['application/x-ndjson', lines];
  },
};

/** Two pieces, cut by characters. */
function halves(text) {
  const letters = [...text];
  const middle = Math.ceil(letters.length / 2);
  return [letters.slice(0, middle).join(''), letters.slice(middle).join('')];
}

export const protocols = { openai, anthropic, gemini, ollama };

/** `play` takes a scenario's name, or one of its own. @returns {Promise<{url: string, play: (scenario: string | object) => void, asked: () => object, close: () => void}>} */
export async function startReplay(kind) {
  const protocol = protocols[kind];
  let scenario = 'text';
  let asked;
  const server = http.createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (data) => { body += data; });
    req.on('end', () => {
      if (req.method === 'GET') { res.end('{"data":[],"models":[]}'); return; }
      const here = protocol.path instanceof RegExp ? protocol.path.test(req.url) : protocol.path === req.url;
      if (!here) { res.writeHead(404); res.end(`{"error":{"message":"no ${req.url}"}}`); return; }
      const sent = JSON.parse(body);
      asked = { ...protocol.read(sent, req.url), sent, headers: req.headers };
      const [type, parts] = protocol.answer(scenarios[scenario] ?? scenario);
      res.writeHead(200, { 'content-type': type });
      // Bytes come cut anywhere, also inside a character.
      const bytes = Buffer.from(parts.join(''));
      for (let at = 0; at < bytes.length; at += 37) res.write(bytes.subarray(at, at + 37));
      res.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, play: (next) => { scenario = next; asked = undefined; }, asked: () => asked,
    close: () => { server.closeAllConnections(); server.close(); } };
}
