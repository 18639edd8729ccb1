// SPDX-License-Identifier: Apache-2.0
// What this machine allows at most for a model: a step reads all of its weights once, and multiplies them once a token.
// Attention, sampling and everything else cost nothing here, so no program reaches it.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { options } from './servers.mjs';

const numbers = (program, ...args) => execFileSync(program, args).toString().match(/[\d.]+/g).map(Number);
let machine;
const facts = {};

/** Seconds that a step of so many tokens takes at least. */
export function stepLimit(model, tokens) {
  machine ??= numbers(options.machine).map(x => x * 1e9);  // bytes and products a second
  facts[model] ??= numbers(options.steps, join(options.models, `${model}.gguf`), 'facts');
  const [bytes, products] = facts[model];
  return Math.max(bytes / machine[0], machine[1] ? tokens * products / machine[1] : 0);
}
/** Tokens a second that a load can have at most: `prompt` tokens to compute, then `answer` tokens, `width` in a step. */
export const rateLimit = (model, { prompt, answer, width }) =>
  answer / (stepLimit(model, prompt) + answer / width * stepLimit(model, width));
