// SPDX-License-Identifier: Apache-2.0
// Well-framed requests that ask for nonsense: each has a clear answer in the shape of the API that was called.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from '../server.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { await server?.stop(); });

const hi = [{ role: 'user', content: 'hi' }];
/** What an error of each API looks like: the message, found where its clients look for it. */
const shapes = {
  openai: (body) => body.error.message,
  anthropic: (body) => (body.type === 'error' ? body.error.message : undefined),
  ollama: (body) => (typeof body.error === 'string' ? body.error : undefined),
  native: (body) => (typeof body.error.code === 'number' ? body.error.message : undefined),
};
const routes = {
  chat: { path: '/v1/chat/completions', shape: 'openai', base: { model: 'tiny', messages: hi } },
  completions: { path: '/v1/completions', shape: 'openai', base: { model: 'tiny', prompt: 'hi' } },
  embeddings: { path: '/v1/embeddings', shape: 'openai', base: { model: 'tiny', input: 'hi' } },
  responses: { path: '/v1/responses', shape: 'openai', base: { model: 'tiny', input: 'hi' } },
  messages: { path: '/v1/messages', shape: 'anthropic', base: { model: 'tiny', max_tokens: 4, messages: hi } },
  ollama: { path: '/api/chat', shape: 'ollama', base: { model: 'tiny', messages: hi, stream: false } },
  generate: { path: '/api/generate', shape: 'ollama', base: { model: 'tiny', prompt: 'hi', stream: false } },
  native: { path: '/completion', shape: 'native', base: { model: 'tiny', prompt: 'hi' } },
};
const post = (path, body) => fetch(server.url + path,
  { method: 'POST', headers: { 'content-type': 'application/json' }, body });

/** Sends `fields` on top of what the route needs (or `raw` as it is) and expects the refusal. */
function refuses(name, route, fields, status, message) {
  test(name, async () => {
    const { path, shape, base } = routes[route];
    const response = await post(path, typeof fields === 'string' ? fields : JSON.stringify({ ...base, ...fields }));
    const text = await response.text();
    assert.equal(response.status, status, text.slice(0, 300));
    assert.match(response.headers.get('content-type'), /^application\/json/);
    assert.match(shapes[shape](JSON.parse(text)), message);
  });
}

for (const route of Object.keys(routes)) {
  refuses(`${route}: an empty body`, route, '', 400, /the body is empty/);
  refuses(`${route}: malformed JSON`, route, '{"model":', 400, /not valid JSON: byte \d+/);
  refuses(`${route}: bytes after the JSON`, route, '{} x', 400, /not valid JSON/);
  refuses(`${route}: an array`, route, '[]', 400, /must be an object/);
  refuses(`${route}: an absurd depth`, route, '['.repeat(100_000), 400, /JSON|nested/);
  refuses(`${route}: an unknown field`, route, { temperatur: 1 }, 400, /temperatur/);
  refuses(`${route}: a model of a wrong type`, route, { model: 7 }, 400, /model must be a string/);
  refuses(`${route}: an unknown model`, route, { model: 'nope' }, 404, /hearth pull nope/);
  refuses(`${route}: a path for a model`, route, { model: '/etc/passwd' }, 403, /no file paths/);
  refuses(`${route}: a path that climbs`, route, { model: '../../etc/passwd' }, 403, /no file paths/);
  refuses(`${route}: a name that climbs`, route, { model: 'a/../../b' }, 400, /model/);
  refuses(`${route}: a name with a zero byte`, route, { model: 'a\0b' }, 400, /model/);
}

const absurd = [
  ['chat', { max_tokens: 1e18 }, /max_tokens must be an integer from/],
  ['chat', { max_tokens: -1 }, /max_tokens/],
  ['chat', { max_tokens: '5' }, /max_tokens must be an integer, not a string/],
  ['chat', { max_tokens: 1.5 }, /not a fraction/],
  ['chat', { temperature: 1e308 }, /temperature must be a number from 0 to/],
  ['chat', { temperature: -0.1 }, /temperature/],
  ['chat', { top_p: 2 }, /top_p/],
  ['chat', { n: 0 }, /n must be/],
  ['chat', { n: 1e9 }, /n must be/],
  ['chat', { logprobs: 3 }, /logprobs must be a boolean/],
  ['chat', { logprobs: true, top_logprobs: 1e6 }, /top_logprobs/],
  ['chat', { stop: Array(2000).fill('x') }, /stop/],
  ['chat', { logit_bias: { 99999999: 1 } }, /99999999 is not in the vocabulary/],
  ['chat', { logit_bias: { 5: 'much' } }, /logit_bias/],
  ['chat', { messages: [] }, /messages/],
  ['chat', { messages: 'hi' }, /messages must be an array/],
  ['chat', { messages: [{ role: 'king', content: 'hi' }] }, /role/],
  ['chat', { messages: [{ role: 'user', content: 5 }] }, /content/],
  ['chat', { response_format: { type: 'yaml' } }, /response_format/],
  ['chat', { tool_choice: { type: 'function', function: { name: 'none' } } }, /tool/],
  ['chat', { functions: [] }, /functions/],
  ['completions', { max_tokens: 1e18 }, /max_tokens/],
  ['completions', { best_of: 1000 }, /best_of/],
  ['completions', { n: 5, best_of: 2 }, /best_of/],
  ['completions', { prompt: [1, 2, 999999999] }, /999999999 is not in the vocabulary/],
  ['completions', { prompt: [-1] }, /prompt/],
  ['embeddings', { input: [] }, /input/],
  ['embeddings', { dimensions: 1e9 }, /dimensions/],
  ['embeddings', { encoding_format: 'hex' }, /encoding_format/],
  ['responses', { previous_response_id: 'resp_none' }, /resp_none|previous_response/],
  ['responses', { max_output_tokens: -4 }, /max_output_tokens/],
  ['messages', { max_tokens: 0 }, /max_tokens/],
  ['messages', { temperature: 1e308 }, /temperature/],
  ['messages', { messages: [{ role: 'user', content: [{ type: 'image' }] }] }, /source/],
  ['ollama', { options: { temperature: 1e308 } }, /temperature/],
  ['ollama', { options: { num_predict: -5 } }, /num_predict/],
  ['ollama', { keep_alive: 'soon' }, /keep_alive/],
  ['ollama', { format: { type: 'object', patternProperties: 5 } }, /patternProperties/],
  ['generate', { options: { num_predict: 1e18 } }, /num_predict/],
  ['generate', { context: ['a'] }, /context/],
  ['native', { n_predict: -5 }, /n_predict must be an integer from -1/],
  ['native', { n_predict: 1e18 }, /n_predict/],
  ['native', { temperature: 1e308 }, /temperature/],
  ['native', { mirostat: 9 }, /mirostat/],
  ['native', { grammar: 'root ::= (' }, /grammar/],
  ['native', { json_schema: { type: 'string', pattern: '(' } }, /pattern/],
];
for (const [route, fields, message] of absurd) {
  const status = fields.previous_response_id ? 404 : 400;
  refuses(`${route}: ${JSON.stringify(fields).slice(0, 70)}`, route, fields, status, message);
}

refuses('a number that no double holds', 'chat', '{"model":"tiny","temperature":1e999}', 400, /too large/);
refuses('an integer beyond 64 bits', 'chat', '{"model":"tiny","max_tokens":99999999999999999999}', 400, /max_tokens/);
refuses('a field twice', 'chat', '{"model":"tiny","model":"stories","messages":[{"role":"user","content":"hi"}]}', 400,
  /appears twice/);
refuses('a schema keyword that cannot be enforced', 'chat', { response_format: { type: 'json_schema',
  json_schema: { name: 'a', schema: { type: 'array', uniqueItems: true } } } }, 400, /uniqueItems/);
refuses('a recursive $ref to nowhere', 'chat', { response_format: { type: 'json_schema',
  json_schema: { name: 'a', schema: { $ref: '#/$defs/none' } } } }, 400, /\$defs\/none/);
refuses('a character that the vocabulary lacks', 'chat',
  { model: 'stories', messages: [{ role: 'user', content: 'snow 日 fall' }] }, 400, /"日"/);
refuses('the same in Ollama\'s shape', 'generate', { model: 'stories', prompt: '日' }, 400, /"日"/);
refuses('JSON from a model without braces', 'chat',
  { model: 'stories', response_format: { type: 'json_object' } }, 400, /vocabulary cannot write/);
refuses('a prompt longer than the context', 'completions', { model: 'stories', prompt: 'once '.repeat(2000) }, 400,
  /context|tokens/);
refuses('a prompt longer than the context, Ollama', 'generate', { model: 'stories', prompt: 'once '.repeat(2000) }, 400,
  /context|tokens/);

test('invalid UTF-8 on the wire is named with its byte', async () => {
  const response = await post('/v1/chat/completions', Buffer.from('{"model":"\xff"}', 'latin1'));
  assert.equal(response.status, 400);
  assert.match((await response.json()).error.message, /not valid UTF-8: byte 11/);
});

test('a blob digest is a digest and never a path', async () => {
  for (const digest of ['sha256:x', `sha256:${'g'.repeat(64)}`, 'sha256:..%2f..%2fetc%2fpasswd', 'sha512:00',
    `sha256:${'0'.repeat(63)}`]) {
    for (const method of ['HEAD', 'POST']) {
      const response = await fetch(`${server.url}/api/blobs/${digest}`, { method, ...(method === 'POST' && { body: 'x' }) });
      assert.equal(response.status, 400, `${method} ${digest}`);
    }
  }
});

test('names that climb out of the store are refused by every management route', async () => {
  const calls = [
    ['POST', '/api/copy', { source: 'tiny', destination: '../../x' }], ['DELETE', '/api/delete', { model: '../x' }],
    ['POST', '/api/pull', { model: 'http://h/../../x', stream: false }], ['POST', '/api/show', { model: '../x' }],
    ['POST', '/api/push', { model: '../x', stream: false }],
    ['POST', '/api/create', { model: '../x', from: 'tiny', stream: false }],
    ['POST', '/api/create', { model: 'x', from: '/etc/passwd', stream: false }],
    ['POST', '/api/create', { model: 'x', files: { 'x.gguf': 'sha256:../../../etc/passwd' }, stream: false }],
  ];
  for (const [method, path, body] of calls) {
    const response = await fetch(server.url + path, { method, body: JSON.stringify(body) });
    const text = await response.text();
    assert.ok([400, 403].includes(response.status), `${path} ${JSON.stringify(body)}: ${response.status} ${text}`);
    assert.equal(typeof JSON.parse(text).error, 'string');
  }
});

test('a path that does not exist, and one that takes another method', async () => {
  assert.equal((await fetch(`${server.url}/v1/nope`)).status, 404);
  const response = await fetch(`${server.url}/v1/chat/completions`);
  assert.equal(response.status, 405);
  assert.equal(response.headers.get('allow'), 'POST');
});

test('pages of other machines and other names for this one are turned away', async () => {
  const other = await fetch(`${server.url}/v1/models`, { headers: { origin: 'https://example.com' } });
  assert.equal(other.status, 403);
  const local = await fetch(`${server.url}/v1/models`, { headers: { origin: 'http://localhost:3000' } });
  assert.equal(local.status, 200);
});

test('after all of it the server answers, and its log has no content of requests', async () => {
  const response = await post('/v1/completions', JSON.stringify({ model: 'stories', prompt: 'Once', max_tokens: 4, temperature: 0 }));
  assert.equal(response.status, 200);
  assert.ok((await response.json()).choices[0].text.length > 0);
  assert.doesNotMatch(server.log(), /snow|once once/);
});
