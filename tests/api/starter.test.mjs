// SPDX-License-Identifier: Apache-2.0
// The model that comes with the program: offered where nothing is configured, right about short commands that it was not
// trained on, honest about the rest, and the first step of a cascade.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { shared, startServer } from '../server.mjs';
import { startUpstream } from './upstream.mjs';

const timed = (name, run) => test(name, { timeout: 120_000 }, run);
const schema = JSON.parse(fs.readFileSync(new URL('../../models/starter.schema.json', import.meta.url), 'utf8'));
/** Written for this test; in no training data. */
const commands = `alarm: get me out of bed at quarter past seven | alarm: i have to be up by 5 am, set something
timer: start counting down twelve minutes | weather: is it going to rain in oslo this afternoon | weather: do i need an umbrella on friday
translate: how would a german say thank you very much | spelling: how is the word mischievous spelled
definition: what does the word frugal mean | calculator: what's 18 times 24 | time: what's the local time over in tokyo
date: which day of the month is it | make_call: ring my sister please | text: text bob that i am running late
find_phone: help me find my phone, i lost it | flip_coin: heads or tails, toss a coin | roll_dice: roll two dice for me
measurement_conversion: how many grams are in three ounces | share_location: let mom know where i am
transfer: move 200 dollars from savings to checking | balance: how much money is in my checking account
pay_bill: please pay the water bill | bill_due: when is my electricity bill due | freeze_account: lock my bank account right now
report_fraud: there is a charge on my card that i never made | pin_change: i want another pin for my card
interest_rate: what interest does my savings account pay | routing: i need the routing number of my bank
credit_score: is my credit score any good | report_lost_card: somebody stole my credit card | credit_limit: how high is the limit on my visa
new_card: i would like to apply for another credit card | card_declined: why was my card refused at the restaurant
apr: what's the apr on my mastercard | damaged_card: my card is bent and does not work any more
recipe: how do i make onion soup | calories: how many calories does a bagel have | cook_time: how long should i boil potatoes
food_last: how long does milk stay good in the fridge | ingredient_substitution: can i use oil instead of butter
restaurant_reservation: book a table for four at seven | restaurant_suggestion: where can i get good tacos in austin
cancel_reservation: cancel my table at the olive garden | meal_suggestion: any idea what i should have for dinner
play_music: play some jazz | next_song: skip this song | what_song: what is this song called | todo_list: what's on my to do list
shopping_list_update: we are out of eggs, put them on my shopping list | smart_home: turn off the lights in the kitchen | order_status: where is my package
reminder_update: remind me to water the plants | calendar: anything on my calendar this coming monday | order: order me more paper towels
traffic: how bad is traffic on the way to work | directions: how do i get to the nearest pharmacy | distance: how far is it to chicago
gas: how much gas is left in the tank | oil_change_when: when does my car need its next oil change | tire_pressure: check the air in my tires
uber: get me an uber to the airport | jump_start: my battery is dead, how do i jump start the car | mpg: how many miles do i get out of a gallon
book_flight: i want to fly from boston to denver on may 3rd | book_hotel: find me a hotel in rome | car_rental: rent a car in dallas for the weekend
lost_luggage: the airline lost my suitcase | vaccines: which shots do i need before going to kenya | timezone: which time zone do they have in peru
exchange_rate: how many euros do i get for 50 dollars | flight_status: is my flight on time | international_visa: will they let me into india without a visa
plug_type: what kind of plug do they use in france | carry_on: how many carry on bags does united allow
pto_request: put in a request for me to take next monday off | pto_balance: how many vacation days do i have left | payday: when do i get paid next
schedule_meeting: set up a meeting with dan for tuesday | next_holiday: when is the next holiday | w2: where can i find my w2
insurance: tell me about my health insurance | taxes: how much do i owe in taxes | direct_deposit: how do i set up direct deposit
greeting: hello there | goodbye: bye, see you later | thank_you: thanks a lot | tell_joke: make me laugh with a joke
are_you_a_bot: am i talking to a machine | fun_fact: tell me something interesting about whales | what_is_your_name: what should i call you
cancel: never mind, forget it | repeat: can you say that again | yes: yes, that's right | no: no, not at all | change_volume: make it louder please, i can barely hear you
change_language: can we switch over to spanish | change_user_name: call me maria from now on | whisper_mode: speak in a whisper`
  .split(/[|\n]/).map((line) => line.split(': ').map((part) => part.trim()));
const foreign = ['write a sonnet about autumn leaves', 'who won the world cup in 1998', 'explain how a transistor works', 'why do leaves change colour',
  'what is the population of sweden', 'fix the bug in this javascript function', 'is my neighbour allowed to cut my hedge', 'summarise the plot of hamlet',
  'who painted the mona lisa', 'how do i potty train a puppy', 'what is the stock price of nvidia', 'did the dodgers win yesterday'];

let server, upstream, cascade;
before(async () => {
  server = await startServer({ config: 'log: {level: warn}\n' });
  upstream = await startUpstream();
  cascade = await startServer({ config: `
log: {level: warn}
providers:
  - {name: strong, kind: compatible, url: "${upstream.url}", zone: cluster, models: [{name: m, capabilities: [chat], quality: 0.9, price: {input: 1, output: 1}}]}
models:
  - {name: starter, model: starter, quality: 0.3}
routes:
  - {name: auto, strategy: cascade, targets: [local/starter, strong/m], confidence: 0.7}
policy: {default_label: public, zones: {device: restricted, cluster: public}}
` });
});
after(async () => { await cascade?.stop(); upstream?.close(); await server?.stop(); });

const ask = async (content, fields = {}, to = server) => {
  const response = await fetch(`${to.url}/v1/chat/completions`, { method: 'POST',
    body: JSON.stringify({ model: 'starter', messages: [{ role: 'user', content }], ...fields }) });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return { text: body.choices[0].message.content, target: response.headers.get('x-hearth-target'), body };
};
const intent = (text) => { try { return JSON.parse(text).intent; } catch { return undefined; } };
/** The share of [intent, query] that the model gets right; at most 4 at a time. */
async function accuracy(rows) {
  let right = 0, next = 0;
  const wrong = [];
  await Promise.all(Array.from({ length: 4 }, async () => {
    while (next < rows.length) {
      const [wanted, query] = rows[next++];
      const got = intent((await ask(query)).text);
      if (got === wanted) ++right; else wrong.push(`${query}: ${got} instead of ${wanted}`);
    }
  }));
  return { share: right / rows.length, wrong };
}

timed('nothing is configured: it is offered, and answers a command with its schema', async () => {
  const { data } = await (await fetch(`${server.url}/v1/models`)).json();
  assert.deepEqual(data.map((m) => m.id), ['starter']);
  const { text } = await ask('Wake me at six tomorrow!');
  const answer = JSON.parse(text);
  assert.deepEqual(Object.keys(answer).sort(), [...schema.required].sort());
  assert.deepEqual([answer.intent, answer.domain, answer.slots], ['alarm', 'utility', { time: 'six', date: 'tomorrow' }]);
  assert.ok(answer.reply.length > 5 && answer.reply.length < 200);
});

timed('it is offered from the reload on that leaves nothing else, and no longer with the next provider', async () => {
  const fresh = await startServer({ config: 'log: {level: info}\n' });
  const offered = async () => (await (await fetch(`${fresh.url}/v1/models`)).json()).data.some((m) => m.id === 'starter');
  const provider = `providers: [{name: p, kind: openai, url: "${upstream.url}", zone: cloud, models: [{name: m}]}]\n`;
  try {
    assert.equal(await offered(), true);
    await fresh.reload(`log: {level: info}\n${provider}`);
    assert.equal(await offered(), false);
    await fresh.reload('log: {level: info}\n');
    assert.equal(await offered(), true);
  } finally {
    await fresh.stop();
  }
});

timed('commands that were written for this test are understood', async () => {
  const { share, wrong } = await accuracy(commands);
  assert.ok(share >= 0.85, `${share.toFixed(3)} right:\n${wrong.join('\n')}`);
});

timed('CLINC150: a sample that it was not trained on', async (t) => {
  const file = path.join(shared, 'data', 'clinc150_dev.json');
  if (!fs.existsSync(file)) return t.skip(`no ${file}`);
  const rows = JSON.parse(fs.readFileSync(file, 'utf8')).test_dev.filter((_, i) => i % 5 === 0).map(([query, wanted]) => [wanted, query]);
  const { share } = await accuracy(rows);
  assert.ok(share >= 0.86, `${share.toFixed(3)} of ${rows.length} right`);
});

timed('values of slots are copied, also ones that no training query had', async () => {
  const rows = [
    ...[['$3170', 'savings'], ['$48', 'checking'], ['$9205', 'savings'], ['$671', 'checking'], ['$15', 'savings'], ['$2864', 'checking'], ['$730', 'savings'], ['$5519', 'checking']]
      .map(([amount, account]) => [`transfer ${amount} from ${account} to my other account`, { amount, account }]),
    ...['43 minutes', '17 seconds', '6 hours', '25 minutes', '88 seconds', '12 days'].map((duration) => [`set a timer for ${duration}`, { duration }]),
    ...['417 times 86', '93 plus 2048', '5012 minus 377', '64 divided by 8', '19 times 3056', '7 plus 815'].map((expression) => [`what is ${expression}`, { expression }]),
    ...['zorvald', 'mirefa', 'kantelo', 'bresimo', 'tolvani'].map((word) => [`how do you spell ${word}`, { word }]),
    ...['pelvora', 'santimar', 'gorelia', 'vendalo', 'kirimasa'].map((place) => [`what is the weather in ${place}`, { place }]),
  ];
  const wrong = [];
  for (const [query, slots] of rows) {
    const { text } = await ask(query);
    if (JSON.stringify(JSON.parse(text).slots) !== JSON.stringify(slots)) wrong.push(`${query}: ${text}`);
  }
  assert.ok(wrong.length <= rows.length * 0.15, `${wrong.length} of ${rows.length} wrong:\n${wrong.join('\n')}`);
});

timed('what is beyond it: a sentence that says so, or JSON where JSON is demanded', async () => {
  const { text } = await ask('write a sonnet about autumn leaves');
  assert.match(text, /^I can't help with that: I am starter.*hearth pull/);
  const { text: json } = await ask('write a sonnet about autumn leaves', { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } } });
  assert.equal(intent(json), 'out_of_scope');
  const { text: about } = await ask('what is hearth?');
  assert.match(about, /starter.*hearth pull/);
});

timed('a system message does not mislead it', async () => {
  const queries = commands.filter((_, i) => i % 3 === 1);
  const right = async (system) => {
    let count = 0;
    for (const [wanted, query] of queries) {
      const messages = [...(system ? [{ role: 'system', content: system }] : []), { role: 'user', content: query }];
      if (intent((await ask('', { messages })).text) === wanted) ++count;
    }
    return count;
  };
  assert.equal(await right('You are a helpful assistant.'), await right());
});

timed('the store\'s commands know it', async () => {
  const post = async (path, body, method = 'POST') => {
    const response = await fetch(`${server.url}${path}`, { method, body: JSON.stringify(body) });
    return { status: response.status, text: await response.text() };
  };
  assert.match((await post('/api/pull', { model: 'starter' })).text, /comes with the program/);
  assert.match((await post('/api/delete', { model: 'starter' }, 'DELETE')).text, /comes with the program/);
  assert.equal((await post('/api/copy', { source: 'starter', destination: 'mine' })).status, 200);
  assert.match((await post('/api/create', { model: 'also-mine', from: 'starter:latest' })).text, /success/);
  for (const model of ['mine', 'also-mine']) {
    assert.match((await post('/api/show', { model })).text, /temperature +0/);
    assert.equal(intent((await ask('flip a coin', { model })).text), 'flip_coin');
    assert.equal((await post('/api/delete', { model }, 'DELETE')).status, 200);
  }
});

timed('many may ask first at once, files of like names stay', async () => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-starter-'));
  const foreign = path.join(home, 'models', 'starter-mine.gguf');
  fs.mkdirSync(path.dirname(foreign));
  fs.writeFileSync(foreign, 'mine');
  const fresh = await startServer({ home, config: 'log: {level: warn}\n' });
  try {
    const lists = await Promise.all(Array.from({ length: 12 }, async () => (await fetch(`${fresh.url}/v1/models`)).json()));
    for (const { data } of lists) assert.deepEqual(data.map((m) => m.id), ['starter']);
    assert.ok(fs.existsSync(foreign));
  } finally {
    await fresh.stop();
    fs.rmSync(home, { recursive: true, force: true });
  }
});

timed('Ollama\'s clients find it, too', async () => {
  const tags = await (await fetch(`${server.url}/api/tags`)).json();
  assert.equal(tags.models[0].name, 'starter');
  const answer = await (await fetch(`${server.url}/api/chat`, { method: 'POST', body: JSON.stringify({ model: 'starter', stream: false, messages: [{ role: 'user', content: 'flip a coin' }] }) })).json();
  assert.equal(intent(answer.message.content), 'flip_coin');
});

timed('a cascade keeps commands and hands over the rest', async () => {
  const targets = async (queries) => { const out = []; for (const query of queries) out.push((await ask(query, { model: 'auto' }, cascade)).target); return out; };
  const share = (list, target) => list.filter((t) => t === target).length / list.length;
  const here = await targets(commands.filter((_, i) => i % 3 === 0).map(([, query]) => query));
  assert.ok(share(here, 'local/starter') >= 0.8, `${share(here, 'local/starter')} of the commands stayed`);
  const there = await targets(foreign);
  assert.ok(share(there, 'strong/m') >= 0.75, `${share(there, 'strong/m')} of the rest escalated`);
});
