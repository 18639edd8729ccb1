// SPDX-License-Identifier: Apache-2.0
// Bearer tokens of an OpenID Connect issuer, a process of its own on loopback that signs with node's crypto.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { spawnSync } from 'node:child_process';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { binary, modelFile, startServer, temporaryFolder } from '../server.mjs';

const timed = (name, run) => test(name, { timeout: 60_000 }, run);
const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

/** Serves its discovery document and its keys, which can be rotated. */
async function startIssuer() {
  const keys = new Map();
  const add = (kid, kind, options) => keys.set(kid, crypto.generateKeyPairSync(kind, options));
  add('rsa', 'rsa', { modulusLength: 2048 });
  add('ec', 'ec', { namedCurve: 'P-256' });
  add('ec384', 'ec', { namedCurve: 'P-384' });
  add('ed', 'ed25519');
  let fetched = 0;
  const server = http.createServer((request, response) => {
    const { port } = server.address();
    if (request.url === '/.well-known/openid-configuration') return response.end(JSON.stringify({ issuer: `http://127.0.0.1:${port}`, jwks_uri: `http://127.0.0.1:${port}/keys` }));
    ++fetched;
    return response.end(JSON.stringify({ keys: [...keys].filter(([kid]) => !kid.startsWith('hidden')).map(([kid, pair]) => ({ ...pair.publicKey.export({ format: 'jwk' }), kid, use: 'sig' })) }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const sign = (kid, alg, claims, header = {}) => {
    const body = `${encode({ alg, kid, typ: 'JWT', ...header })}.${encode({ iss: url, aud: 'hearth', sub: 'nora', exp: now() + 300, roles: ['clinician'], ...claims })}`;
    const { privateKey } = keys.get(kid);
    const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
    const options = alg.startsWith('ES') ? { key: privateKey, dsaEncoding: 'ieee-p1363' }
      : alg.startsWith('PS') ? { key: privateKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST } : privateKey;
    return `${body}.${crypto.sign(hash, Buffer.from(body), options).toString('base64url')}`;
  };
  return { url, keys, add, sign, fetched: () => fetched, close: () => { server.closeAllConnections(); server.close(); } };
}

let issuer;
let server;
let carl;
const home = temporaryFolder();
before(async () => {
  issuer = await startIssuer();
  for (const args of [['helper', '--kind', 'agent', '--on-behalf-of', 'nora', '--model', 'stories'], ['nora'], ['service']]) {
    spawnSync(binary, ['--home', home, 'keys', 'create', ...args]);
  }
  carl = spawnSync(binary, ['--home', home, 'keys', 'create', 'carl', '--role', 'clinician'], { encoding: 'utf8' }).stdout.trim();
  server = await startServer({ home, config: `
models: [{name: stories, path: ${modelFile('stories656k')}, context: 512}]
auth:
  mode: oidc
  oidc: {issuer: "${issuer.url}", audience: hearth, roles_claim: roles, admin_roles: [operator]}
policy:
  rules: [{allow: {principal: "role:clinician"}}]
  otherwise: deny
` });
  await server.logged(/the issuer's keys keys=4/);
});
after(async () => { await server?.stop(); issuer?.close(); });
const get = (where, token) => fetch(`${server.url}${where}`, { headers: { authorization: `Bearer ${token}` } });
const chat = (token) => fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${token}` },
  body: JSON.stringify({ model: 'stories', messages: [{ role: 'user', content: 'hi' }], max_tokens: 2 }) });
const why = async (response) => { assert.equal(response.status, 401); return (await response.json()).error.message; };

timed('every algorithm that a key of the issuer has', async () => {
  for (const [kid, alg] of [['rsa', 'RS256'], ['rsa', 'RS512'], ['rsa', 'PS256'], ['ec', 'ES256'], ['ec384', 'ES384'], ['ed', 'EdDSA']]) {
    assert.equal((await get('/v1/models', issuer.sign(kid, alg, {}))).status, 200, alg);
  }
});

timed('roles are those of the token: rules and scopes go by them', async () => {
  assert.equal((await chat(issuer.sign('rsa', 'RS256', {}))).status, 200);
  assert.equal((await chat(issuer.sign('rsa', 'RS256', { roles: ['visitor'] }))).status, 403);
  assert.equal((await get('/metrics', issuer.sign('rsa', 'RS256', {}))).status, 403);
  assert.equal((await get('/metrics', issuer.sign('rsa', 'RS256', { roles: ['operator'] }))).status, 200);
});

timed('wrong audience, issuer, times and signatures', async () => {
  assert.match(await why(await get('/v1/models', issuer.sign('rsa', 'RS256', { aud: 'another' }))), /somebody else/);
  assert.match(await why(await get('/v1/models', issuer.sign('rsa', 'RS256', { iss: 'https://evil.example' }))), /another issuer/);
  assert.match(await why(await get('/v1/models', issuer.sign('rsa', 'RS256', { exp: now() - 120 }))), /expired/);
  assert.match(await why(await get('/v1/models', issuer.sign('rsa', 'RS256', { nbf: now() + 600 }))), /not valid yet/);
  const token = issuer.sign('rsa', 'RS256', {});
  const [header, , signature] = token.split('.');
  const forged = `${header}.${encode({ iss: issuer.url, aud: 'hearth', sub: 'root', exp: now() + 300, roles: ['operator'] })}.${signature}`;
  assert.match(await why(await get('/v1/models', forged)), /signature is wrong/);
});

timed('no algorithm, and the public key as a shared secret', async () => {
  const claims = encode({ iss: issuer.url, aud: 'hearth', sub: 'nora', exp: now() + 300, roles: ['operator'] });
  const none = `${encode({ alg: 'none', kid: 'rsa' })}.${claims}.`;
  assert.match(await why(await get('/v1/models', none)), /signature is wrong/);
  const body = `${encode({ alg: 'HS256', kid: 'rsa' })}.${claims}`;
  const pem = issuer.keys.get('rsa').publicKey.export({ format: 'pem', type: 'spki' });
  const confused = `${body}.${crypto.createHmac('sha256', pem).update(body).digest('base64url')}`;
  assert.match(await why(await get('/v1/models', confused)), /signature is wrong/);
});

timed('an agent acts for the bearer, with what both may', async () => {
  const act = (actor) => issuer.sign('ec', 'ES256', { act: { sub: actor } });
  assert.equal((await get('/v1/models', act('helper'))).status, 200);
  assert.match(await why(await get('/v1/models', act('nobody'))), /nobody here knows the agent/);
  assert.match(await why(await get('/v1/models', issuer.sign('ec', 'ES256', { sub: 'eve', act: { sub: 'helper' } }))), /acts for nora alone/);
});

timed('keys work beside tokens, and rotated keys are fetched', async () => {
  assert.equal((await get('/v1/models', carl)).status, 200);
  issuer.add('rsa2', 'rsa', { modulusLength: 2048 });
  assert.match(await why(await get('/v1/models', issuer.sign('rsa2', 'RS256', {}))), /has not published/);
  await server.logged(/the issuer's keys keys=5/);
  assert.equal((await get('/v1/models', issuer.sign('rsa2', 'RS256', {}))).status, 200);
  const before = issuer.fetched();
  issuer.add('hidden', 'rsa', { modulusLength: 2048 });
  for (let i = 0; i < 20; ++i) await get('/v1/models', issuer.sign('hidden', 'RS256', {}));
  assert.ok(issuer.fetched() <= before + 1, 'a stranger makes us ask again and again');
});
