// SPDX-License-Identifier: Apache-2.0
// What this machine allows a model without tricks: a step reads all of its weights once from memory, and multiplies them
// once a token by AVX-512 VNNI; prompts do without the output matrix. Attention, sampling and everything else cost nothing
// here. Not in it: AMX multiplies faster, and a third-level cache as large as the model reads faster.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { options } from './servers.mjs';

const numbers = (program, ...args) => execFileSync(program, args).toString().match(/[\d.]+/g).map(Number);
let machine;
const facts = {};

/** Seconds that a step of so many tokens takes at least, of which some or none ask what comes next. */
export function stepLimit(model, tokens, outputs = tokens) {
  machine ??= numbers(options.machine).map(x => x * 1e9);  // bytes and products a second
  facts[model] ??= numbers(options.steps, join(options.models, `${model}.gguf`), 'facts');
  const [bytes, products, output] = facts[model];
  return Math.max(bytes / machine[0], machine[1] ? (tokens * (products - output) + outputs * output) / machine[1] : 0);
}
/** Tokens a second that a load can have at most: `prompt` tokens to compute, then `answer` tokens, `width` in a step. */
export const rateLimit = (model, { prompt, answer, width }) =>
  answer / (stepLimit(model, prompt, 0) + answer / width * stepLimit(model, width));
