// SPDX-License-Identifier: Apache-2.0
// Hearth against llama-server of the same source, one after the other on the same loads; prints a table with ratios.
// usage: node compare.mjs --hearth BIN --llama BIN --bare BIN --machine BIN --steps BIN --models FOLDER [--only row,…] [--soak SECONDS]
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { stepLimit } from './limits.mjs';
import { median, options, printTable, report, startServer, stopServer, stream, threads, tokens, wanted, work } from './servers.mjs';

const rss = server => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]) / 1024;

async function oneStream(server) {
  await stream(server, tokens(16), 4);
  const times = await stream(server, tokens(64), 64);
  return (64 - 1) / (times.at(-2) - times[0]) * 1000;  // the last frame closes the choice
}

async function batchOfEight(server) {
  await stream(server, tokens(16), 4);
  const start = performance.now();
  const all = await Promise.all(Array.from({ length: 8 }, () => stream(server, tokens(1000), 160)));
  return 8 * 160 / (Math.max(...all.map(t => t.at(-1))) - start) * 1000;  // prompts included: the servers order the work differently
}

async function promptAmongStreams(server) {
  await stream(server, tokens(16), 4);
  let arrival = 0, ended = 0;
  const decoding = Array.from({ length: 7 }, () => stream(server, tokens(32), 400));
  await new Promise(r => setTimeout(r, 3000));
  arrival = performance.now();
  const long = await stream(server, tokens(4000), 2);
  ended = long[0];
  const gaps = (await Promise.all(decoding)).flatMap(times => times.slice(1)
    .map((t, i) => [t, t - times[i]]).filter(([t, gap]) => t > arrival && t - gap < ended).map(([, gap]) => gap));
  return { gap: Math.max(...gaps), firstToken: ended - arrival };
}

async function ready(kind) {
  const samples = [];
  for (let i = 0; i < 5; ++i) {
    const server = await startServer(kind, 's135', { context: 2048, parallel: 1 });
    const times = await stream(server, tokens(8), 2);
    samples.push(times[0] - server.started);
    await stopServer(server);
  }
  return median(samples);
}

/// 1,000 connections that had an answer and stay open, 64 clients at work; memory after warming up and at the end.
async function soak(server, seconds) {
  const idleAgent = new http.Agent({ keepAlive: true, maxSockets: 1000, timeout: 0 });
  await Promise.all(Array.from({ length: 1000 }, () => new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: server.port, path: '/health', agent: idleAgent }, r => { r.resume(); r.on('end', resolve); }).on('error', reject);
  })));
  const until = performance.now() + seconds * 1000;
  let before = 0, requests = 0, worst = 0;
  const client = async () => {
    while (performance.now() < until) {
      const times = await stream(server, tokens(32), 16);
      ++requests;
      for (let i = 1; i < times.length; ++i) worst = Math.max(worst, times[i] - times[i - 1]);
      if (!before && performance.now() > until - seconds * 800) before = rss(server);  // after a fifth of the time
    }
  };
  await Promise.all(Array.from({ length: 64 }, client));
  const after = rss(server);
  idleAgent.destroy();
  return { before, after, growth: (after / before - 1) * 100, requests, worst };
}

const both = async (model, shape, measure) => {
  const result = {};
  for (const kind of ['hearth', 'llama']) {
    const server = await startServer(kind, model, shape);
    try { result[kind] = await measure(server); } finally { await stopServer(server); }
  }
  return result;
};

try {
  if (wanted('stream')) {
    const bare = [], hearth = [], unguessed = [];
    const server = await startServer('hearth', 'l1b', { context: 2048, parallel: 1 });
    const plain = await startServer('hearth', 'l1b', { context: 2048, parallel: 1, speculation: 'off' });
    for (let i = 0; i < 9; ++i) {  // in turn, so that a noisy minute hits all; single runs vary by 10 %
      hearth.push(await oneStream(server));
      unguessed.push(await oneStream(plain));
      bare.push(Number(execFileSync(options.bare, [join(options.models, 'l1b.gguf'), '64', '64', String(threads)]).toString()));
    }
    await stopServer(server);
    await stopServer(plain);
    report('one stream, l1b, against the bare library', median(hearth), median(bare), 'tok/s', median(hearth) / median(bare), '>= 0.97, aim 1.1');
    report('  without guessing', median(unguessed), median(bare), 'tok/s', median(unguessed) / median(bare), '');
    report('  that the hardware allows', median(unguessed), 1 / stepLimit('l1b', 1), 'tok/s', median(unguessed) * stepLimit('l1b', 1), 'without guessing');
  }
  if (wanted('steps')) {
    for (const model of ['s135', 'l1b']) for (const sequences of [1, 2, 4, 8, 16]) {
      const sample = kind => execFileSync(options.steps, [join(options.models, `${model}.gguf`), kind, String(sequences), '256', '30']).toString().split(' ').map(Number);
      const hearth = [], library = [];
      for (let i = 0; i < 3; ++i) { hearth.push(sample('hearth')); library.push(sample('library')); }
      const [ours, theirs] = [hearth, library].map(list => median(list.map(([ms]) => ms)));
      report(`a step of ${sequences}, ${model}, against the library's kernels`, ours, theirs, 'ms', ours / theirs, '');
      report('  that the hardware allows', ours, stepLimit(model, sequences) * 1000, 'ms', ours / stepLimit(model, sequences) / 1000, '');
      if (sequences > 1) continue;
      const [prompts, peers] = [hearth, library].map(list => median(list.map(([, rate]) => rate)));
      report(`prompts, ${model}, against the library's kernels`, prompts, peers, 'tok/s', prompts / peers, '');
    }
  }
  if (wanted('batch')) {
    const r = await both('s135', { context: 2048, parallel: 8 }, batchOfEight);
    report('8 streams at 1,000 tokens, s135', r.hearth, r.llama, 'tok/s', r.hearth / r.llama, '>= 1.1');
  }
  if (wanted('gap')) {
    const r = await both('s135', { context: 8192, parallel: 8 }, promptAmongStreams);
    report('4,000-token prompt among 7 streams: longest gap', r.hearth.gap, r.llama.gap, 'ms', r.hearth.gap / r.llama.gap, '<= 0.2');
    report('  and that prompt\'s first token', r.hearth.firstToken, r.llama.firstToken, 'ms', r.hearth.firstToken / r.llama.firstToken, '');
  }
  if (wanted('ready')) {
    const hearth = await ready('hearth');
    const llama = await ready('llama');
    report('process start to first token, s135', hearth, llama, 'ms', hearth / llama, '< 1000 ms');
  }
  if (wanted('soak')) {
    const server = await startServer('hearth', 's135', { context: 512, parallel: 16, queue: 128 });
    const r = await soak(server, Number(options.soak));
    await stopServer(server);
    report(`1,000 idle connections, 64 active clients, ${options.soak} s (${r.requests} requests): growth of memory`, r.growth, null, '%', null, '<= 5');
    report('  and the longest gap inside a stream', r.worst, null, 'ms', null, '');
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
printTable();
