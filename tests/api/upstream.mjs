// SPDX-License-Identifier: Apache-2.0
// An OpenAI-compatible server that does what it is told, good or bad. Every request is kept.
import http from 'node:http';

const chunk = (delta, finish = null) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'up-1',
  choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const usage = `data: ${JSON.stringify({ id: 'c', choices: [], usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 } })}\n\n`;
export const good = (text) => [chunk({ role: 'assistant', content: '' }), chunk({ content: text }), chunk({}, 'stop'), usage, 'data: [DONE]\n\n'];

let failed = false;
const head = (res, status = 200, headers = {}) => res.writeHead(status, { 'content-type': 'text/event-stream', ...headers });
const send = (res, parts) => { head(res); for (const part of parts) res.write(part); res.end(); };

export const behaviours = {
  good: (req, res) => send(res, good('from upstream')),
  /** The last message again, two characters at a time, after "You said ". */
  echo: (req, res, body) => {
    const said = `You said ${body.messages.at(-1).content}`;
    const pieces = said.match(/.{1,2}/gsu).map((text) => chunk({ content: text }));
    send(res, [chunk({ role: 'assistant', content: '' }), ...pieces, chunk({}, 'stop'), usage, 'data: [DONE]\n\n']);
  },
  /** A call of a tool whose arguments are the last message, one character at a time. */
  callsTool: (req, res, body) => {
    const call = (fields) => chunk({ tool_calls: [{ index: 0, ...fields }] });
    const parts = [...JSON.stringify({ text: body.messages.at(-1).content })].map((text) => call({ function: { arguments: text } }));
    send(res, [call({ id: 'call_1', type: 'function', function: { name: 'note', arguments: '' } }), ...parts, chunk({}, 'tool_calls'), usage, 'data: [DONE]\n\n']);
  },
  /** SGLang's /generate: the text so far with every event. */
  generate: (req, res) => {
    const event = (text, logprobs, finish_reason = null) => `data: ${JSON.stringify({ text, index: 0, meta_info: { id: 'g', finish_reason, prompt_tokens: 4,
      completion_tokens: logprobs.length, cached_tokens: 3, output_token_logprobs: logprobs } })}\n\n`;
    const [first, second] = [[-0.5, 7, ' upon'], [-0.25, 9, ' a tïme']];
    send(res, [event(' upon', [first]), event(' upon a tïme', [first, second]), event(' upon a tïme', [first, second], { type: 'stop', matched: 2 }), 'data: [DONE]\n\n']);
  },
  silent: () => {},
  late: (req, res) => { head(res); res.write(': still there\n\n'); },  // a stream, but never content
  stalls: (req, res) => { head(res); res.write(chunk({ content: 'half' })); },  // and no more
  limited: (req, res) => { res.writeHead(429, { 'retry-after': '2' }); res.end('{"error":{"message":"slow down","type":"rate_limit_error"}}'); },
  broken: (req, res) => { res.writeHead(500); res.end('<html>oops</html>'); },
  /** Every second request fails. */
  flaky: (req, res) => (failed = !failed) ? behaviours.broken(req, res) : behaviours.good(req, res),
  /** 4,000 letters, said to be one token. */
  liar: (req, res) => send(res, [chunk({ content: 'x'.repeat(4000) }), chunk({}, 'stop'),
    `data: ${JSON.stringify({ id: 'c', choices: [], usage: { prompt_tokens: -5, completion_tokens: 1, total_tokens: 1 } })}\n\n`, 'data: [DONE]\n\n']),
  malformed: (req, res) => send(res, ['data: {"choices": [\n\n']),
  notSse: (req, res) => send(res, ['hello, this is no event stream\n']),
  failsFirst: (req, res) => send(res, [chunk({ role: 'assistant' }), 'data: {"error":{"message":"no quota","type":"insufficient_quota"}}\n\n']),
  cut: (req, res) => { head(res); res.write(chunk({ content: 'half' })); res.write('data: {"choi'); setTimeout(() => res.destroy(), 20); },
  endless: (req, res) => { head(res); const line = chunk({ content: 'x'.repeat(65_000) }); const more = () => { while (!res.destroyed && res.write(line)); }; res.on('drain', more); more(); },
  hugeLine: (req, res) => { head(res); const part = 'x'.repeat(65_536); res.write('data: '); const more = () => { while (!res.destroyed && res.write(part)); }; res.on('drain', more); more(); },
  drip: (req, res) => { head(res); const text = good('slowly').join(''); let at = 0; const timer = setInterval(() => { if (at === text.length || res.destroyed) { clearInterval(timer); res.end(); } else res.write(text[at++]); }, 2); },
  wrongKey: (req, res) => { res.writeHead(401); res.end('{"error":{"message":"Incorrect API key provided: sk-12***"}}'); },
  tooLong: (req, res) => { res.writeHead(400); res.end('{"error":{"message":"maximum context length is 10","code":"context_length_exceeded"}}'); },
};

/** @returns {Promise<{url: string, behave: (name: string) => void, requests: object[], arrived: (many: number) => Promise<void>, close: () => void}>} */
export async function startUpstream(behaviour = 'good') {
  const requests = [];
  let waiting = { many: Infinity, resolve() {} };
  let current = behaviour;
  const server = http.createServer((req, res) => {
    let body = '';
    req.on('data', (data) => { body += data; });
    req.on('end', () => {
      // As Ollama lists a model that it passes on to a cloud beside one of its own.
      const tags = { models: [{ name: 'passed:latest', remote_host: 'https://ollama.com:443', remote_model: 'passed' }, { name: 'own:latest' }] };
      if (req.method === 'GET') { res.writeHead(200); res.end(JSON.stringify(req.url === '/api/tags' ? tags : { object: 'list', data: [{ id: 'up-1' }] })); return; }
      const parsed = JSON.parse(body);
      requests.push({ url: req.url, headers: req.headers, body: parsed, text: body });
      if (requests.length >= waiting.many) waiting.resolve();
      behaviours[current](req, res, parsed);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return { url: `http://127.0.0.1:${port}`, port, requests, behave: (name) => { current = name; },
    /** Resolves when so many requests have come in all. */
    arrived: (many) => new Promise((resolve) => { waiting = { many, resolve }; if (requests.length >= many) resolve(); }),
    close: () => { server.closeAllConnections(); server.close(); } };
}
