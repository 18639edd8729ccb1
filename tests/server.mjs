// SPDX-License-Identifier: Apache-2.0
// Starts the hearth binary on a free loopback port with the two small test models, and stops it, also on failure.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

export const binary = process.env.HEARTH_BIN ?? new URL('../build/dev/bin/hearth', import.meta.url).pathname;
export const shared = process.env.HEARTH_SHARED ?? new URL('../../shared', import.meta.url).pathname;
export const modelFile = (name) => path.join(shared, 'models', `${name}.gguf`);

const kReadyMs = 60_000;
const kStopMs = 15_000;
const kModels = `models:
  - {name: tiny, path: ${modelFile('tiny50k')}, context: 2048, parallel: 4}
  - {name: stories, path: ${modelFile('stories656k')}, context: 512, parallel: 2}
`;

/** A folder that is gone when the process ends. */
export function temporaryFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-test-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * @param {{config?: string, home?: string, listen?: string}} options  the text of the configuration file; a home that outlives the server; the address
 */
export async function startServer({ config = kModels, home = temporaryFolder(), listen = '127.0.0.1:0' } = {}) {
  const file = path.join(home, 'config.yaml');
  fs.writeFileSync(file, config);
  const child = spawn(binary, ['serve', '--listen', listen, '--home', home, '--config', file],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = [];
  child.stderr.setEncoding('utf8').on('data', (text) => log.push(text));
  const killed = () => child.kill('SIGKILL');
  process.on('exit', killed);
  const ended = new Promise((resolve) => child.once('exit', resolve));

  let timer;
  const url = await new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not ready in ${kReadyMs} ms:\n${log.join('')}`)), kReadyMs);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`hearth ended with ${code} before it was ready:\n${log.join('')}`)));
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /listening on (https?:\/\/\S+)/.exec(line);
      if (match) resolve(match[1]);
    });
  }).catch((error) => { killed(); throw error; }).finally(() => clearTimeout(timer));

  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid,
    log: () => log.join(''),
    /** Resolves when the log has said so, now or later. */
    logged: (pattern) => new Promise((resolve) => {
      const look = () => { if (!pattern.test(log.join(''))) return; child.stderr.off('data', look); resolve(); };
      child.stderr.on('data', look);
      look();
    }),
    signal: (name) => child.kill(name),
    /** Gives the server another configuration; resolves when its log says what came of it. */
    async reload(text) {
      fs.writeFileSync(file, text);
      const before = log.length;
      child.kill('SIGHUP');
      for (let i = 0; i < 200; ++i) {
        const news = log.slice(before).join('');
        if (/reloaded|reload: the old/.test(news)) return news;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error(`no word of the reload:\n${log.slice(before).join('')}`);
    },
    /** Resolves to the exit code, null after a signal. */
    ended,
    /** Ends the server; fails if it does not end cleanly, which a crash during the tests does not. */
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(killed, kStopMs);
      const code = await ended;
      clearTimeout(timer);
      process.removeListener('exit', killed);
      if (code !== 0) throw new Error(`hearth ended with ${code ?? child.signalCode}:\n${log.join('').slice(-4000)}`);
    },
  };
}
