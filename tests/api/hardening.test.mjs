// SPDX-License-Identifier: Apache-2.0
// What the process itself may do.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { binary, modelFile, shared, startServer, temporaryFolder } from '../server.mjs';

const timed = (name, run) => test(name, { timeout: 60_000 }, run);
const proc = (server, file) => fs.readFileSync(`/proc/${server.pid}/${file}`, 'utf8');
const models = `models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}]\n`;
const chat = (server, key) => fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}` },
  body: JSON.stringify({ model: 'stories', messages: [{ role: 'user', content: 'hi' }], max_tokens: 2 }) });

timed('a server with keys leaves no core, gains no rights, and works', async () => {
  const home = temporaryFolder();
  const key = spawnSync(binary, ['--home', home, 'keys', 'create', 'ann'], { encoding: 'utf8' }).stdout.trim();
  const server = await startServer({ home, config: `auth: {mode: keys}\n${models}` });
  assert.match(proc(server, 'limits'), /Max core file size\s+0\s+0/);
  assert.match(proc(server, 'status'), /NoNewPrivs:\s+1/);
  assert.equal((await chat(server, key)).status, 200);
  await server.stop();
});

timed('a server without keys may leave a core; without the sandbox it says nothing of it', async () => {
  const server = await startServer({ config: `sandbox: false\n${models}` });
  assert.match(proc(server, 'status'), /NoNewPrivs:\s+0/);
  assert.equal((await chat(server, '')).status, 200);
  await server.stop();
});

timed('a model is created from an upload, listed and deleted inside the sandbox', async () => {
  const home = temporaryFolder();
  const server = await startServer({ home, config: 'log: {level: info}\n' });
  const cli = (...args) => spawnSync(binary, ['--home', home, ...args], { encoding: 'utf8', env: { ...process.env, HEARTH_HOST: server.url } });
  const file = path.join(temporaryFolder(), 'Modelfile');
  fs.writeFileSync(file, `FROM ${path.join(shared, 'models', 'stories656k.gguf')}\n`);
  const made = cli('create', 'mine', '-f', file);
  assert.equal(made.status, 0, made.stderr);
  const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify({ model: 'mine', messages: [{ role: 'user', content: 'hi' }], max_tokens: 2 }) });
  assert.equal(answer.status, 200, await answer.text());
  assert.equal((await fetch(`${server.url}/api/delete`, { method: 'DELETE', body: JSON.stringify({ model: 'mine' }) })).status, 200);
  await server.stop();
});

timed('the first key that a reload brings is as well kept as one from the start', async () => {
  const home = temporaryFolder();
  const server = await startServer({ home, config: models });
  assert.doesNotMatch(proc(server, 'limits'), /Max core file size\s+0\s+0/);
  fs.writeFileSync(path.join(home, 'key'), 'sk-secret');
  assert.match(await server.reload(`${models}providers: [{name: p, kind: openai, url: "http://127.0.0.1:1", zone: cloud, key_file: key}]\n`), /reloaded/);
  assert.match(proc(server, 'limits'), /Max core file size\s+0\s+0/);
  await server.stop();
});

timed('logins that the environment names are read inside the sandbox', async () => {
  const folder = temporaryFolder();
  fs.writeFileSync(path.join(folder, 'config.json'), '{"auths": {}}');
  process.env.DOCKER_CONFIG = folder;
  const server = await startServer({ config: 'log: {level: info}\n' });
  delete process.env.DOCKER_CONFIG;
  await server.stop();
  assert.doesNotMatch(server.log(), /logins/);
});
