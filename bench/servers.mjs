// SPDX-License-Identifier: Apache-2.0
// Starts Hearth or llama-server on a free port and speaks to it: what the benchmarks share.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

/** --name value …, over these defaults. */
export const options = { soak: 60, only: '' };
for (let i = 2; i < process.argv.length; i += 2) options[process.argv[i].slice(2)] = process.argv[i + 1];
export const wanted = row => !options.only || options.only.split(',').includes(row);
export const threads = availableParallelism();
export const work = mkdtempSync(join(tmpdir(), 'hearth-bench-'));
export const agent = new http.Agent({ keepAlive: false, maxSockets: 4096 });  // llama-server closes idle connections at will
export const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
export const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];

const freePort = () => new Promise(resolve => {
  const server = http.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});

export async function startServer(kind, model, { context, parallel, cells = context * parallel, queue = 4096, unified = true, speculation = 'auto' }) {
  const port = await freePort();
  const path = join(options.models, `${model}.gguf`);
  let command;
  if (kind === 'hearth') {
    const home = join(work, `${model}-${speculation}`);  // one server at a time has it; the next start finds its model known
    mkdirSync(home, { recursive: true });
    const config = join(home, 'hearth.yaml');
    writeFileSync(config, `log: {level: warn}\nmodels:\n  - {name: ${model}, path: ${path}, context: ${context}, parallel: ${parallel}, cells: ${cells}, max_queue: ${queue}, speculation: ${speculation}}\n`);
    command = [options.hearth, ['serve', '--config', config, '--home', home, '--listen', `127.0.0.1:${port}`]];
  } else {
    command = [options.llama, ['-m', path, '--port', String(port), '-c', String(cells), '-np', String(parallel), ...(unified ? ['-kvu'] : ['-no-kvu']), '-t', String(threads), '--no-webui', '--log-disable']];
  }
  return launch(kind, model, port, command);
}
/** Hearth with models of the store, loaded on demand within `budget` bytes. */
export async function startOnDemand(models, budget) {
  const port = await freePort();
  for (const model of models) execFileSync(options.hearth, ['import', join(options.models, `${model}.gguf`), '--name', model, '--home', work], { stdio: 'ignore' });
  const config = join(work, 'on-demand.yaml');
  writeFileSync(config, `log: {level: warn}\nmemory_budget: ${budget}\n`);
  return launch('hearth', models[0], port, [options.hearth, ['serve', '--config', config, '--home', work, '--listen', `127.0.0.1:${port}`]]);
}
const running = new Set();
process.on('exit', () => running.forEach(child => child.kill('SIGKILL')));  // also where a measurement fails
async function launch(kind, model, port, command) {
  const started = performance.now();
  const child = spawn(command[0], command[1], { stdio: ['ignore', 'ignore', 'inherit'] });
  const server = { kind, model, port, child, started };
  running.add(child);
  child.once('exit', () => running.delete(child));
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${kind} ended at once`);
    if ((await get(server, '/health').catch(() => 0)) === 200) break;
    await new Promise(r => setTimeout(r, 5));
  }
  return server;
}
export const stopServer = server => new Promise(resolve => {
  agent.destroy();  // llama-server waits for open connections
  const impatience = setTimeout(() => server.child.kill('SIGKILL'), 5000);
  server.child.on('exit', () => { clearTimeout(impatience); resolve(); });
  server.child.kill('SIGTERM');
});
export const get = (server, path) => new Promise((resolve, reject) => {
  http.get({ host: '127.0.0.1', port: server.port, path }, r => { r.resume(); r.on('end', () => resolve(r.statusCode)); }).on('error', reject);
});

let seed = 1;
/** The same loads again, for the next server. */
export const reseed = () => { seed = 1; };
export const random = n => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
export const tokens = n => Array.from({ length: n }, () => 1000 + random(100000));

/** Streams one answer; resolves to the times of its pieces (several tokens may come as one), its tokens' number and its text. */
export function ask(server, path, fields, onPiece = () => {}) {
  const body = JSON.stringify({ model: server.model, temperature: 0, stream: true, stream_options: { include_usage: true }, ...fields });
  return new Promise((resolve, reject) => {
    const times = [];
    let answer = '', tokens = 0;
    const request = http.request({ host: '127.0.0.1', port: server.port, path, method: 'POST', agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', data => {
        text += data;
        for (let at; (at = text.indexOf('\n')) >= 0; text = text.slice(at + 1)) {
          const line = text.slice(0, at);
          if (line.startsWith('data: {"error')) reject(new Error(line));
          if (!line.startsWith('data: {')) continue;
          const event = JSON.parse(line.slice(6));
          if (event.usage) tokens = event.usage.completion_tokens;
          const piece = event.choices?.[0];
          if (!piece) continue;
          times.push(performance.now());
          answer += piece.text ?? piece.delta?.content ?? '';
          onPiece(times);
        }
      });
      response.on('end', () => (response.statusCode === 200 ? resolve({ times, tokens, answer }) : reject(new Error(`${response.statusCode} ${text}`))));
    });
    request.on('error', reject);
    request.end(body);
  });
}
/** A raw prompt; resolves to the times of its tokens. */
export const stream = async (server, prompt, n, onPiece) =>
  (await ask(server, '/v1/completions', { prompt, max_tokens: n, ignore_eos: true, cache_prompt: false }, onPiece)).times;

// ---- the table -----------------------------------------------------------------------------------------------------
const rows = [];
export const report = (name, hearth, peer, unit, ratio, aim) => {
  rows.push({ name, hearth, peer, unit, ratio, aim });
  console.log(JSON.stringify(rows.at(-1)));
};
export function printTable() {
  console.log('\n' + ['row', 'hearth', 'peer', 'unit', 'ratio', 'aim'].join(' | '));
  const show = x => (x === null || x === undefined ? '' : typeof x === 'number' ? x.toFixed(x < 10 ? 3 : 1) : x);
  for (const r of rows) console.log([r.name, show(r.hearth), show(r.peer), r.unit, show(r.ratio), r.aim].join(' | '));
}
