// SPDX-License-Identifier: Apache-2.0
// Starts the hearth binary on a free loopback port with the two small test models, and stops it, also on failure.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const binary = process.env.HEARTH_BIN ?? new URL('../../build/dev/bin/hearth', import.meta.url).pathname;
const shared = process.env.HEARTH_SHARED ?? new URL('../../../shared', import.meta.url).pathname;
export const modelFile = (name) => path.join(shared, 'models', `${name}.gguf`);

const kReadyMs = 60_000;
const kStopMs = 15_000;

/** @returns {Promise<{url: string, stop: () => Promise<void>}>} */
export async function startServer() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-clients-'));
  const config = path.join(home, 'config.yaml');
  fs.writeFileSync(config, `models:
  - {name: tiny, path: ${modelFile('tiny50k')}, context: 2048, parallel: 4}
  - {name: stories, path: ${modelFile('stories656k')}, context: 512, parallel: 2}
`);
  const child = spawn(binary, ['serve', '--listen', '127.0.0.1:0', '--home', home, '--config', config],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = [];
  child.stderr.setEncoding('utf8').on('data', (text) => log.push(text));
  const killed = () => child.kill('SIGKILL');
  process.on('exit', killed);
  const ended = new Promise((resolve) => child.once('exit', resolve));

  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready in ${kReadyMs} ms:\n${log.join('')}`)), kReadyMs);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`hearth ended with ${code} before it was ready:\n${log.join('')}`)));
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /listening on (http:\/\/\S+)/.exec(line);
      if (!match) return;
      clearTimeout(timer);
      resolve(match[1]);
    });
  }).catch((error) => { killed(); throw error; });

  return {
    url,
    /** Ends the server; fails if it does not end cleanly, which a crash during the tests does not. */
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(killed, kStopMs);
      const code = await ended;
      clearTimeout(timer);
      process.removeListener('exit', killed);
      fs.rmSync(home, { recursive: true, force: true });
      if (code !== 0) throw new Error(`hearth ended with ${code ?? child.signalCode}:\n${log.join('').slice(-4000)}`);
    },
  };
}
