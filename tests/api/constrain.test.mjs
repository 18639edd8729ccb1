// SPDX-License-Identifier: Apache-2.0
// `hearth bench constrain`: judges schemas by instances with a vocabulary alone, plain or gzipped.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { binary, temporaryFolder } from '../server.mjs';

const home = temporaryFolder();
const run = (lines, file = 'data.jsonl', ...more) => {
  const text = lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');
  fs.writeFileSync(path.join(home, file), file.endsWith('.gz') ? zlib.gzipSync(text) : text);
  return spawnSync(binary, ['bench', 'constrain', '--model', 'starter', '--data', path.join(home, file), '--home', home, ...more], { encoding: 'utf8', timeout: 60_000 });
};
const good = { id: 'Small---1', schema: { type: 'object', properties: { n: { type: 'integer', minimum: 3 } }, required: ['n'], additionalProperties: false },
  tests: [{ valid: true, data: { n: 3 } }, { valid: false, data: { n: 2 } }, { valid: false, data: {} }, { valid: false, data: { n: 3, x: 1 } }] };

test('what is right, wrong and refused is counted, by category', () => {
  const rows = [good, { id: 'Small---2', schema: { type: 'string' }, tests: [{ valid: true, data: 1 }] },  // a lie: must be called wrongly refused
    { id: 'Odd---1', schema: { type: 'array', contains: { type: 'null' } }, tests: [{ valid: true, data: [null] }] },
    { id: 'Odd---2', schema: { type: 'string' }, tests: [{ valid: false, data: 'ü' }] }];  // and wrongly accepted
  const { status, stdout, stderr } = run(rows, 'data.jsonl', '--json');
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  assert.deepEqual([report.schemas, report.passed, report.refused, report.wrongly_accepted, report.wrongly_refused], [4, 1, 1, 1, 1]);
  assert.deepEqual(report.categories, { Odd: { schemas: 2, passed: 0 }, Small: { schemas: 2, passed: 1 } });
  assert.deepEqual(Object.values(report.refused_because), [1]);
  for (const field of ['compile_ms_mean', 'mask_us_mean', 'mask_us_p50', 'mask_us_p99', 'mask_us_max']) assert.ok(report[field] > 0, field);
});

test('gzipped data are read, and lines that are none are named', () => {
  const { status, stdout } = run([good], 'data.jsonl.gz');
  assert.equal(status, 0);
  assert.match(stdout, /1 schemas: 1 with every instance judged right \(100\.0 %\)/);
  const broken = run([good, 'nonsense']);
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /line 2/);
  const missing = spawnSync(binary, ['bench', 'constrain', '--model', 'starter', '--data', path.join(home, 'none'), '--home', home], { encoding: 'utf8' });
  assert.match(missing.stderr, /cannot open/);
});
