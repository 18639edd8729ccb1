// SPDX-License-Identifier: Apache-2.0
// TLS of the server: certificates that are renewed while it runs, clients that prove who they are by one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { before, test } from 'node:test';
import { binary, modelFile, startServer, temporaryFolder } from '../server.mjs';

const timed = (name, run) => test(name, { timeout: 60_000 }, run);
const folder = temporaryFolder();
const at = (name) => path.join(folder, name);
const openssl = (...args) => {
  const ran = spawnSync('openssl', args, { encoding: 'utf8', cwd: folder });
  assert.equal(ran.status, 0, ran.stderr);
};
const authority = (name) => openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`,
  '-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}`);
/** A certificate `name`.pem with its key, signed by `by`. */
const certificate = (name, by, san, days = '2') => {
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  fs.writeFileSync(at(`${name}.ext`), `subjectAltName=${san}\n`);
  openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial', '-out', `${name}.pem`, '-days', days, '-extfile', `${name}.ext`);
};
before(() => {
  authority('ca');
  authority('stranger');
  certificate('server', 'ca', 'IP:127.0.0.1');
  certificate('renewed', 'ca', 'IP:127.0.0.1');
  certificate('nora', 'ca', 'URI:spiffe://clinic/nora');
  certificate('unknown', 'ca', 'URI:spiffe://clinic/unknown');
  certificate('forged', 'stranger', 'URI:spiffe://clinic/nora');
  for (const name of ['server']) { fs.copyFileSync(at(`${name}.pem`), at('live.pem')); fs.copyFileSync(at(`${name}.key`), at('live.key')); }
});
const read = (name) => fs.readFileSync(at(name));
/** @returns {Promise<{status: number, headers: object, text: string, serial: string}>} */
const ask = (server, where, { method = 'GET', body, headers, cert, agent = new https.Agent() } = {}) => new Promise((resolve, reject) => {
  const request = https.request(`${server.url}${where}`, { method, headers, agent, ca: read('ca.pem'),
    ...(cert && { cert: read(`${cert}.pem`), key: read(`${cert}.key`) }) }, (response) => {
    const serial = response.socket.getPeerCertificate().serialNumber;
    let text = '';
    response.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => resolve({ status: response.statusCode, headers: response.headers, text, serial })).on('error', reject);
  });
  request.on('error', reject);
  request.end(body);
});
const config = (more = '', tls = '') => `
log: {level: info}
tls: {certificate: ${at('live.pem')}, key: ${at('live.key')}${tls}}
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}]
${more}
`;
const chat = (content, more = {}) => JSON.stringify({ model: 'stories', messages: [{ role: 'user', content }], max_tokens: 20, ...more });

timed('whole answers, streams, long bodies and many requests on one connection', async () => {
  const server = await startServer({ config: config() });
  assert.match(server.url, /^https:/);
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  const post = (body) => ask(server, '/v1/chat/completions', { method: 'POST', body, agent, headers: { 'content-type': 'application/json' } });
  for (let i = 0; i < 20; ++i) assert.equal((await post(chat('Once'))).status, 200);
  const streamed = await post(chat('Once', { stream: true }));
  assert.match(streamed.text, /\[DONE\]/);
  assert.equal((await post(chat('word '.repeat(400_000)))).status, 400);  // 2 MB arrive whole; they do not fit the context
  assert.equal((await ask(server, '/health', { agent })).status, 200);
  agent.destroy();
  const parallel = await Promise.all(Array.from({ length: 40 }, () => ask(server, '/v1/models')));
  assert.ok(parallel.every((answer) => answer.status === 200));
  await server.stop();
});

timed('plain HTTP, silence and rubbish get nothing, and harm nobody', async () => {
  const server = await startServer({ config: config() });
  const talk = (bytes) => new Promise((resolve) => {
    const socket = net.connect(server.port, '127.0.0.1', () => socket.write(bytes));
    let got = Buffer.alloc(0);
    socket.on('data', (data) => { got = Buffer.concat([got, data]); }).on('error', () => {}).on('close', () => resolve(got.toString('latin1')));
  });
  assert.doesNotMatch(await talk('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'), /HTTP\/1.1 200/);
  await talk('\x16\x03\x01\xff\xff' + 'x'.repeat(2000));
  const silent = net.connect(server.port, '127.0.0.1');
  await new Promise((resolve) => silent.once('connect', resolve));
  assert.equal((await ask(server, '/health')).status, 200);
  silent.destroy();
  await server.stop();
});

timed('a renewed certificate is shown to new connections; a broken one is not, and old connections go on', async () => {
  const server = await startServer({ config: config() });
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  const old = (await ask(server, '/health', { agent })).serial;
  fs.copyFileSync(at('renewed.pem'), at('live.pem'));  // with the old key: they do not fit yet
  await server.logged(/the old certificate stays/);
  assert.equal((await ask(server, '/health')).serial, old);
  fs.copyFileSync(at('renewed.key'), at('live.key'));
  await server.logged(/tls: a new certificate/);
  assert.notEqual((await ask(server, '/health')).serial, old);
  assert.equal((await ask(server, '/health', { agent })).status, 200);
  agent.destroy();
  await server.stop();
});

timed('a client certificate names a principal, who has the rights of its key', async () => {
  const home = temporaryFolder();
  const key = (...args) => spawnSync(binary, ['--home', home, 'keys', 'create', ...args], { encoding: 'utf8' }).stdout.trim();
  key('spiffe://clinic/nora', '--scopes', 'inference,admin');
  const bob = key('bob');
  const server = await startServer({ home, config: config('auth: {mode: keys}', `, client_ca: ${at('ca.pem')}`) });
  assert.equal((await ask(server, '/v1/models', { cert: 'nora' })).status, 200);
  assert.equal((await ask(server, '/metrics', { cert: 'nora' })).status, 200);
  assert.equal((await ask(server, '/v1/models')).status, 401);
  const unknown = await ask(server, '/v1/models', { cert: 'unknown' });
  assert.equal(unknown.status, 401);
  assert.match(unknown.text, /spiffe:\/\/clinic\/unknown/);
  await assert.rejects(ask(server, '/v1/models', { cert: 'forged' }));
  // A key counts before a certificate.
  assert.equal((await ask(server, '/metrics', { cert: 'nora', headers: { authorization: `Bearer ${bob}` } })).status, 403);
  await server.stop();
});

timed('client_must lets nobody in without a certificate', async () => {
  const server = await startServer({ config: config('', `, client_ca: ${at('ca.pem')}, client_must: true`) });
  await assert.rejects(ask(server, '/health'));
  assert.equal((await ask(server, '/health', { cert: 'nora' })).status, 200);
  await server.stop();
});

timed('files that cannot be used are named before anything starts', async () => {
  const refuse = (tls) => {
    const file = path.join(temporaryFolder(), 'config.yaml');
    fs.writeFileSync(file, `listen: 127.0.0.1:0\ntls: ${tls}\n`);
    const ran = spawnSync(binary, ['serve', '--home', temporaryFolder(), '--config', file], { encoding: 'utf8', timeout: 20_000 });
    assert.notEqual(ran.status, 0);
    return ran.stderr;
  };
  assert.match(refuse(`{certificate: ${at('none.pem')}, key: ${at('live.key')}}`), /cannot use the certificate .*none\.pem/);
  assert.match(refuse(`{certificate: ${at('server.pem')}, key: ${at('nora.key')}}`), /cannot use the key|another key/);
  assert.match(refuse(`{certificate: ${at('server.pem')}}`), /needs a certificate and its key/);
  assert.match(refuse(`{certificate: ${at('server.pem')}, key: ${at('server.key')}, client_must: true}`), /client_must needs client_ca/);
});
