// SPDX-License-Identifier: Apache-2.0
// 500 streams of 50 tokens a second each, through Hearth on one core and direct, in turn: the longest gap inside a stream,
// and what Hearth adds to the first token at a quiet moment. Upstream and clients share the other core.
// usage: node streams.mjs HEARTH_BINARY [STREAMS] [SECONDS]
import { fork, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import readline from 'node:readline';

const kEvery = 20;  // ms between tokens
if (process.argv[2] === '--upstream') {
  // A token to every open stream each 20 ms; an answer of one token at once for `max_tokens` 1.
  const open = new Set();
  const chunk = (text, finish = null) => `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta: text === null ? {} : { content: text }, finish_reason: finish }] })}\n\n`;
  const token = chunk('word ');
  const last = chunk(null, 'stop') + 'data: [DONE]\n\n';
  const server = http.createServer((req, res) => {
    let body = '';
    req.on('data', (piece) => { body += piece; });
    req.on('end', () => {
      if (req.method === 'GET') { res.end('{"data":[]}'); return; }
      const asked = JSON.parse(body);
      const left = asked.max_completion_tokens ?? asked.max_tokens;
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      if (left === 1) { res.end(token + last); return; }
      const stream = { res, left };
      open.add(stream);
      res.on('close', () => open.delete(stream));
    });
  });
  setInterval(() => {
    for (const stream of open) {
      if (stream.left-- > 0) { stream.res.write(token); } else { stream.res.end(last); open.delete(stream); }
    }
  }, kEvery);
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
} else {
  const [binary, count = '500', seconds = '10'] = process.argv.slice(2);
  const pin = (core, command, args, options) => spawn('taskset', ['-c', String(core), command, ...args], options);
  const upstream = fork(process.argv[1], ['--upstream'], { execPath: '/usr/bin/env', execArgv: ['taskset', '-c', '1', process.execPath] });
  const port = await new Promise((resolve) => upstream.once('message', resolve));
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-streams-'));
  fs.writeFileSync(path.join(home, 'c.yaml'), `log: {level: warn}
audit: {enabled: false}
providers: [{name: up, kind: openai, url: "http://127.0.0.1:${port}", zone: cloud, models: [{name: m, capabilities: [chat], price: {input: 1, output: 2}}]}]
routes: [{name: m, targets: [up/m]}]
policy: {default_label: public, zones: {device: restricted, cloud: public}}
`);
  const hearth = pin(0, binary, ['serve', '--config', path.join(home, 'c.yaml'), '--home', home, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gateway = await new Promise((resolve) => readline.createInterface({ input: hearth.stdout }).on('line', (line) => { const found = /:(\d+)$/.exec(line); if (found) resolve(Number(found[1])); }));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4096 });
  const stream = (to, tokens) => new Promise((resolve, reject) => {
    const body = JSON.stringify({ model: 'm', stream: true, max_tokens: tokens, messages: [{ role: 'user', content: 'hello' }] });
    const began = performance.now();
    const request = http.request({ host: '127.0.0.1', port: to, path: '/v1/chat/completions', method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (response) => {
      let first = 0, before = 0, gap = 0, seen = 0, text = '';
      response.on('data', (data) => {
        const now = performance.now();
        if (text.length < 500) text += data;
        seen += data.toString('latin1').split('"word ').length - 1;
        if (!first) first = now - began; else gap = Math.max(gap, now - before);
        before = now;
      });
      response.on('end', () => (seen === tokens ? resolve({ first, gap }) : reject(new Error(`${response.statusCode}, ${seen} of ${tokens} tokens: ${text}`))));
    });
    request.on('error', reject);
    request.end(body);
  });
  const cpu = () => { const f = fs.readFileSync(`/proc/${hearth.pid}/stat`, 'utf8').split(' '); return (Number(f[13]) + Number(f[14])) * 10; };
  const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
  try {
    for (const to of [port, gateway]) for (let i = 0; i < 200; ++i) await stream(to, 1);
    const quiet = { direct: [], hearth: [] };
    for (let i = 0; i < 500; ++i) { quiet.direct.push((await stream(port, 1)).first); quiet.hearth.push((await stream(gateway, 1)).first); }
    console.log(`first token, one client: direct ${(median(quiet.direct) * 1000).toFixed(0)} us, through Hearth ${(median(quiet.hearth) * 1000).toFixed(0)} us, added ${((median(quiet.hearth) - median(quiet.direct)) * 1000).toFixed(0)} us (p50)`);
    const tokens = Math.round(Number(seconds) * 1000 / kEvery);
    for (const [name, to] of [['direct', port], ['hearth', gateway]]) {
      const before = cpu();
      const all = await Promise.all(Array.from({ length: Number(count) }, () => stream(to, tokens)));
      const used = (cpu() - before) / (Number(seconds) * 10);
      console.log(`${count} streams of ${1000 / kEvery} tokens/s, ${name}: longest gap ${Math.max(...all.map((s) => s.gap)).toFixed(0)} ms, median of the longest ${median(all.map((s) => s.gap)).toFixed(0)} ms${to === gateway ? `; Hearth used ${used.toFixed(0)} % of its core` : ''}`);
    }
  } finally {
    agent.destroy();
    hearth.kill('SIGTERM');
    upstream.kill();
    fs.rmSync(home, { recursive: true, force: true });
  }
}
