// SPDX-License-Identifier: Apache-2.0
// The starter model on CLINC150 (Larson et al. 2019), through the engine, and a cascade with it in front. Measured: how
// often it is right, what its confidence is worth, what a query takes on one core; which share of queries in scope stays
// with it, which share out of scope goes to a stronger target (which knows the truth), and how many answers are right.
// usage: node clinc.mjs HEARTH_BINARY CLINC150.json
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import readline from 'node:readline';

const [binary, file] = process.argv.slice(2);
const data = JSON.parse(fs.readFileSync(file, 'utf8'));
const inScope = data.test_dev;
const outOfScope = data.oos_test_dev;
const truth = new Map([...inScope, ...outOfScope]);
const thresholds = [0.3, 0.5, 0.7];
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-clinc-'));

/** The stronger target: it answers with the right intent. */
const strong = http.createServer((req, res) => {
  let body = '';
  req.on('data', (piece) => { body += piece; });
  req.on('end', () => {
    if (req.method === 'GET') { res.end('{"data":[{"id":"m"}]}'); return; }
    const content = JSON.stringify({ intent: truth.get(JSON.parse(body).messages.at(-1).content) });
    const chunk = (delta, finish) => `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.end(`${chunk({ content }, null)}${chunk({}, 'stop')}data: ${JSON.stringify({ id: 'c', choices: [], usage: { prompt_tokens: 10, completion_tokens: 1 } })}\n\ndata: [DONE]\n\n`);
  });
});
await new Promise((resolve) => strong.listen(0, '127.0.0.1', resolve));

fs.writeFileSync(path.join(home, 'c.yaml'), `log: {level: warn}
models:
  - {name: starter, model: starter, quality: 0.3}
providers:
  - {name: strong, kind: compatible, url: "http://127.0.0.1:${strong.address().port}", zone: cloud, models: [{name: m, capabilities: [chat], quality: 0.9, price: {input: 10, output: 10}}]}
routes:
${thresholds.map((t) => `  - {name: "at-${t}", strategy: cascade, targets: [local/starter, strong/m], confidence: ${t}}`).join('\n')}
policy: {default_label: public, zones: {device: restricted, cloud: public}}
`);
/** On one core, where the machine lets a process be put on one. */
async function startHearth() {
  const args = [binary, 'serve', '--config', path.join(home, 'c.yaml'), '--home', home, '--listen', '127.0.0.1:0'];
  const child = spawn('taskset', ['-c', '0', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((resolve) => readline.createInterface({ input: child.stdout })
    .on('line', (line) => { const found = /listening on (\S+)/.exec(line); if (found) resolve(found[1]); }));
  return { child, url };
}
const { child: hearth, url } = await startHearth();
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const ask = (model, text, fields = {}) => new Promise((resolve, reject) => {
  const asked = performance.now();
  const request = http.request(`${url}/v1/chat/completions`, { method: 'POST', agent }, (response) => {
    let body = '';
    response.on('data', (piece) => { body += piece; });
    response.on('end', () => {
      if (response.statusCode !== 200) return reject(new Error(body));
      const choice = JSON.parse(body).choices[0];
      resolve({ content: choice.message.content, target: response.headers['x-hearth-target'], logprobs: choice.logprobs?.content, took: performance.now() - asked });
    });
  });
  request.on('error', reject);
  request.end(JSON.stringify({ model, messages: [{ role: 'user', content: text }], ...fields }));
});
/** `clients` at once over rows of [text, label]. */
async function all(rows, clients, run) {
  const out = new Array(rows.length);
  let next = 0;
  await Promise.all(Array.from({ length: clients }, async () => { while (next < rows.length) { const i = next++; out[i] = await run(...rows[i]); } }));
  return out;
}
const intentOf = (text) => /^\{"intent":"([a-z0-9_]+)"/.exec(text)?.[1] ?? 'out_of_scope';
const share = (list, test) => `${(list.filter(test).length / list.length * 100).toFixed(1)} %`;
const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];

/** What the first token says: the intent, its probability, and the best probability of an intent in scope. */
async function judge(text, label) {
  const { content, logprobs } = await ask('starter', text, { logprobs: true, top_logprobs: 20 });
  const first = logprobs[0].top_logprobs.map(({ token, logprob }) => [intentOf(token), Math.exp(logprob)]);
  const scoped = first.filter(([intent]) => intent !== 'out_of_scope' && intent !== 'about_hearth');
  const sure = Math.max(0, ...scoped.map(([, p]) => p));
  const mean = Math.exp(logprobs.reduce((sum, { logprob }) => sum + logprob, 0) / logprobs.length);  // what a cascade takes
  return { right: intentOf(content) === label, refused: !content.startsWith('{'), p: Math.exp(logprobs[0].logprob), mean, sure };
}
/** P(a query in scope looks surer than one out of scope). */
function area(inside, outside) {
  let sum = 0;
  for (const a of inside) for (const b of outside) sum += a > b ? 1 : a === b ? 0.5 : 0;
  return sum / (inside.length * outside.length);
}
/** Scale and shift of a logit, fitted by Newton's method to rows of {p, right} (Platt 1999). */
function platt(rows) {
  let [scale, shift] = [1, 0];
  for (let round = 0; round < 30; ++round) {
    let [a, b, aa, ab, bb] = [0, 0, 1e-6, 0, 1e-6];
    for (const { p, right } of rows) {
      const x = logit(p);
      const q = 1 / (1 + Math.exp(-(scale * x + shift)));
      const s = q * (1 - q);
      a += (q - right) * x; b += q - right; aa += s * x * x; ab += s * x; bb += s;
    }
    const d = aa * bb - ab * ab;
    scale -= (bb * a - ab * b) / d;
    shift -= (aa * b - ab * a) / d;
  }
  return { scale, shift };
}
const logit = (p) => Math.log(Math.min(1 - 1e-6, Math.max(1e-6, p)) / (1 - Math.min(1 - 1e-6, Math.max(1e-6, p))));
const calibrated = ({ scale, shift }, { p, right }) => ({ p: 1 / (1 + Math.exp(-(scale * logit(p) + shift))), right });
/** Each row by what was fitted to the other four fifths. */
function crossFitted(rows) {
  const fits = [0, 1, 2, 3, 4].map((fold) => platt(rows.filter((_, i) => i % 5 !== fold)));
  return rows.map((row, i) => calibrated(fits[i % 5], row));
}
function calibrationError(rows, bins = 15) {
  let error = 0;
  for (let b = 0; b < bins; ++b) {
    const here = rows.filter(({ p }) => Math.min(bins - 1, Math.floor(p * bins)) === b);
    if (here.length) error += Math.abs(here.reduce((sum, r) => sum + r.p - (r.right ? 1 : 0), 0)) / rows.length;
  }
  return error;
}

try {
  const scoped = await all(inScope, 4, judge);
  const foreign = await all(outOfScope, 4, judge);
  const accepted = quantile(scoped.map((r) => r.sure), 0.1);
  console.log(`starter on CLINC150, ${scoped.length} queries in scope, ${foreign.length} out of scope`);
  console.log(`right in scope (aim >= 88 %): ${share(scoped, (r) => r.right)}`);
  console.log(`out of scope by confidence, AUROC (aim >= 0.90): ${area(scoped.map((r) => r.sure), foreign.map((r) => r.sure)).toFixed(3)}`);
  console.log(`out of scope found where 90 % of those in scope are accepted (aim >= 60 %): ${share(foreign, (r) => r.sure < accepted)}`);
  console.log(`calibration error of the first token, in scope (aim < 0.05): ${calibrationError(scoped).toFixed(3)}`);
  // A refusal escalates whatever its probability, so only answers count.
  const judged = [...scoped, ...foreign].filter(({ refused }) => !refused).map(({ mean, right }) => ({ p: mean, right: right ? 1 : 0 }));
  const fit = platt(judged);
  console.log(`calibration error of the cascade's confidence, with queries out of scope: ${calibrationError(judged).toFixed(3)}, five folds calibrated ${calibrationError(crossFitted(judged)).toFixed(3)}; `
    + `calibration: {local/starter: {scale: ${fit.scale.toFixed(2)}, shift: ${fit.shift.toFixed(2)}}}`);
  const times = (await all(inScope.slice(0, 500), 1, (text) => ask('starter', text))).map((r) => r.took);
  console.log(`a query on one core, whole answer, ms, p50 and p99 (aim 10): ${quantile(times, 0.5).toFixed(1)}, ${quantile(times, 0.99).toFixed(1)}`);

  console.log('cascade at confidence | in scope: stays local | right, all of these | right, of the local ones | out of scope: escalates | strong calls');
  for (const threshold of thresholds) {
    const run = async (text, label) => {
      const { content, target } = await ask(`at-${threshold}`, text);
      return { right: intentOf(content) === label, here: target === 'local/starter' };
    };
    const rows = await all(inScope, 4, run);
    const others = await all(outOfScope, 4, run);
    console.log([threshold, share(rows, (r) => r.here), share(rows, (r) => r.right), share(rows.filter((r) => r.here), (r) => r.right),
      share(others, (r) => !r.here), share([...rows, ...others], (r) => !r.here)].join(' | '));
  }
} finally {
  const ended = new Promise((resolve) => hearth.on('exit', resolve));
  hearth.kill('SIGTERM');
  agent.destroy();
  await ended;
  strong.closeAllConnections();
  strong.close();
  fs.rmSync(home, { recursive: true, force: true });
}
