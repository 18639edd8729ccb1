// SPDX-License-Identifier: Apache-2.0
// A cascade on CLINC150 (Larson et al. 2019): a small local classifier first, and what it is not sure of goes to a
// stronger target. The classifier (softmax regression over hashed words and pairs, trained here) stands behind an
// OpenAI-compatible server that tells its probability as a logprob; the stronger target knows the truth. Measured: which
// share of queries in scope stays local, which share out of scope escalates, and how many answers are right.
// usage: node clinc.mjs HEARTH_BINARY CLINC150.json
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const [binary, file] = process.argv.slice(2);
const data = JSON.parse(fs.readFileSync(file, 'utf8'));
const kBuckets = 1 << 15;

function features(text) {
  const words = text.toLowerCase().match(/[a-z0-9']+/g) ?? [];
  const grams = [...words, ...words.slice(1).map((word, i) => `${words[i]} ${word}`)];
  return [...new Set(grams.map((gram) => {
    let hash = 2166136261;
    for (let i = 0; i < gram.length; ++i) hash = Math.imul(hash ^ gram.charCodeAt(i), 16777619);
    return (hash >>> 0) % kBuckets;
  }))];
}

/** Softmax regression by plain stochastic gradient descent; intents in scope only. */
function train(rows) {
  const labels = [...new Set(rows.map(([, label]) => label))].sort();
  const place = new Map(labels.map((label, i) => [label, i]));
  const weights = new Float32Array(kBuckets * labels.length);
  const examples = rows.map(([text, label]) => [features(text), place.get(label)]);
  let seed = 1;
  const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
  const scores = new Float32Array(labels.length);
  const predict = (found) => {
    scores.fill(0);
    const norm = 1 / Math.sqrt(found.length || 1);
    for (const f of found) for (let c = 0; c < labels.length; ++c) scores[c] += weights[f * labels.length + c] * norm;
    const top = scores.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (let c = 0; c < labels.length; ++c) sum += (scores[c] = Math.exp(scores[c] - top));
    for (let c = 0; c < labels.length; ++c) scores[c] /= sum;
    return scores;
  };
  for (let epoch = 0; epoch < 12; ++epoch) {
    for (let i = examples.length - 1; i > 0; --i) { const j = Math.floor(random() * (i + 1)); [examples[i], examples[j]] = [examples[j], examples[i]]; }
    const rate = 2 / (1 + epoch * 0.3);
    for (const [found, label] of examples) {
      const p = predict(found);
      const norm = 1 / Math.sqrt(found.length || 1);
      for (let c = 0; c < labels.length; ++c) {
        const step = rate * norm * ((c === label ? 1 : 0) - p[c]);
        if (Math.abs(step) > 1e-4) for (const f of found) weights[f * labels.length + c] += step;
      }
    }
  }
  return (text) => {
    const p = predict(features(text));
    let best = 0;
    for (let c = 1; c < labels.length; ++c) if (p[c] > p[best]) best = c;
    return [labels[best], p[best]];
  };
}

/** A model that answers with one word. `answer(text)`: [word, probability]. */
function serve(answer) {
  const server = http.createServer((req, res) => {
    let body = '';
    req.on('data', (piece) => { body += piece; });
    req.on('end', () => {
      if (req.method === 'GET') { res.end('{"data":[{"id":"m"}]}'); return; }
      const [word, probability] = answer(JSON.parse(body).messages.at(-1).content);
      const chunk = (delta, finish, logprobs) => `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish, logprobs }] })}\n\n`;
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.end(chunk({ content: word }, null, { content: [{ token: word, logprob: Math.log(probability), top_logprobs: [] }] }) + chunk({}, 'stop', null)
        + `data: ${JSON.stringify({ id: 'c', choices: [], usage: { prompt_tokens: 10, completion_tokens: 1 } })}\n\ndata: [DONE]\n\n`);
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port, close: () => { server.closeAllConnections(); server.close(); } })));
}

const inScope = data.test_dev;
const outOfScope = data.oos_test_dev;
const truth = new Map([...inScope, ...outOfScope]);
const classify = train([...data.train, ...data.val]);
const small = await serve(classify);
const strong = await serve((text) => [truth.get(text), 0.99]);
const thresholds = [0.3, 0.5, 0.7];
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-clinc-'));
fs.writeFileSync(path.join(home, 'c.yaml'), `log: {level: warn}
providers:
  - {name: small, kind: compatible, url: "http://127.0.0.1:${small.port}", zone: device, models: [{name: m, capabilities: [chat, logprobs], quality: 0.3}]}
  - {name: strong, kind: compatible, url: "http://127.0.0.1:${strong.port}", zone: cloud, models: [{name: m, capabilities: [chat, logprobs], quality: 0.9, price: {input: 10, output: 10}}]}
routes:
${thresholds.map((t) => `  - {name: "at-${t}", strategy: cascade, targets: [small/m, strong/m], confidence: ${t}}`).join('\n')}
policy: {default_label: public, zones: {device: restricted, cloud: public}}
`);
const hearth = spawn(binary, ['serve', '--config', path.join(home, 'c.yaml'), '--home', home, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
const url = await new Promise((resolve) => readline.createInterface({ input: hearth.stdout }).on('line', (line) => { const found = /listening on (\S+)/.exec(line); if (found) resolve(found[1]); }));
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const ask = (model, text) => new Promise((resolve, reject) => {
  const request = http.request(`${url}/v1/chat/completions`, { method: 'POST', agent }, (response) => {
    let body = '';
    response.on('data', (piece) => { body += piece; });
    response.on('end', () => resolve([JSON.parse(body).choices[0].message.content, response.headers['x-hearth-target']]));
  });
  request.on('error', reject);
  request.end(JSON.stringify({ model, messages: [{ role: 'user', content: text }] }));
});

console.log(`the local classifier alone: ${(inScope.filter(([text, label]) => classify(text)[0] === label).length / inScope.length * 100).toFixed(1)} % right in scope`);
console.log('confidence | in scope: stays local | right, all of these | right, of the local ones | out of scope: escalates | strong calls');
try {
  for (const threshold of thresholds) {
    const run = async (rows) => {
      const out = [];
      let next = 0;
      await Promise.all(Array.from({ length: 8 }, async () => { while (next < rows.length) { const [text, label] = rows[next++]; const [said, target] = await ask(`at-${threshold}`, text); out.push([said === label, target === 'small/m']); } }));
      return out;
    };
    const scoped = await run(inScope);
    const foreign = await run(outOfScope);
    const share = (list, test) => `${(list.filter(test).length / list.length * 100).toFixed(1)} %`;
    const local = scoped.filter(([, here]) => here);
    console.log(`${threshold} | ${share(scoped, ([, here]) => here)} | ${share(scoped, ([right]) => right)} | ${share(local, ([right]) => right)} | ${share(foreign, ([, here]) => !here)} | ${share([...scoped, ...foreign], ([, here]) => !here)}`);
  }
} finally {
  const ended = new Promise((resolve) => hearth.on('exit', resolve));
  hearth.kill('SIGTERM');
  agent.destroy();
  await ended;
  small.close();
  strong.close();
  fs.rmSync(home, { recursive: true, force: true });
}
