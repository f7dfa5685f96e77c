// The official Anthropic client for Node.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { FORECAST, Forecast, PIXEL, QUESTION, RESULTS, SYSTEM, WEATHER, collect, failure, openGate } from "./shared.mjs";

const messages = [{ role: "user", content: QUESTION }];
const tools = [{ name: "weather", input_schema: WEATHER }];

const open = (job, options = {}) =>
  new Anthropic({
    baseURL: job.route.anthropic_url, apiKey: job.route.anthropic_key, maxRetries: 0, timeout: 30_000, ...options,
  });

const ask = (job, call = {}) => ({ model: job.model, max_tokens: 5000, messages, ...call });

async function message(job) {
  const answer = await open(job).messages.create(ask(job, { system: SYSTEM }));
  assert.ok(answer.content[0].text.includes(SYSTEM) && answer.content[0].text.includes(QUESTION));
  return [answer.content[0].text, answer.stop_reason, answer.usage.input_tokens, answer.usage.cache_read_input_tokens];
}

async function streamedMessage(job) {
  const events = await collect(await open(job).messages.create(ask(job, { stream: true })));
  const kinds = [...new Set(events.map((event) => event.type))];
  const text = events.filter((event) => event.type === "content_block_delta").map((event) => event.delta.text).join("");
  return [kinds, text];
}

async function streamHelper(job) {
  const stream = open(job).messages.stream(ask(job));
  const pieces = [];
  stream.on("text", (piece) => pieces.push(piece));
  const answer = await stream.finalMessage();
  assert.equal(pieces.join(""), answer.content[0].text);
  return answer.usage.output_tokens;
}

async function parallelTools(job) {
  const client = open(job);
  const first = await client.messages.stream(ask(job, { tools })).finalMessage();
  const calls = first.content.filter((block) => block.type === "tool_use");
  assert.deepEqual(calls.map((call) => call.input.city), ["Oslo", "Bergen"]);
  const results = calls.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: RESULTS[id] }));
  const turn = { role: "assistant", content: calls.map(({ type, id, name, input }) => ({ type, id, name, input })) };
  const turns = [...messages, turn, { role: "user", content: results }];
  return (await client.messages.create(ask(job, { messages: turns, tools }))).content[0].text;
}

async function image(job) {
  const source = { type: "base64", media_type: "image/png", data: PIXEL };
  const content = [{ type: "image", source }, { type: "text", text: "What is this?" }];
  const answer = await open(job).messages.create(ask(job, { messages: [{ role: "user", content }] }));
  assert.ok(answer.content[0].text.includes(PIXEL));
}

async function parsed(job) {
  const answer = await open(job).messages.parse(ask(job, { output_config: { format: zodOutputFormat(Forecast) } }));
  assert.deepEqual(answer.parsed_output, FORECAST);
}

async function thinking(job) {
  const answer = await open(job).messages.stream(ask(job, { thinking: { type: "adaptive" } })).finalMessage();
  return answer.content;
}

async function countedTokens(job) {
  return open(job).messages.countTokens({ model: job.model, messages });
}

async function models(job) {
  const listed = await collect(open(job).models.list());
  assert.ok(listed.some((model) => model.id === job.model && model.type === "model" && model.display_name));
}

async function byToken(job) {
  const client = open(job, { apiKey: null, authToken: job.route.anthropic_key });
  return (await client.messages.create(ask(job))).content[0].text;
}

async function refusedSampling(job) {
  const error = await failure(open(job).messages.create(ask(job, { temperature: 0.5 })));
  assert.ok(error instanceof Anthropic.BadRequestError, error.stack);
  return [error.status, error.type, error.error.error.message];
}

async function wrongKey(job) {
  const error = await failure(open(job, { apiKey: "sk-wrong" }).messages.create(ask(job)));
  assert.ok(error instanceof Anthropic.AuthenticationError, error.stack);
  return error.type;
}

async function unknownModel(job) {
  const error = await failure(open(job).messages.create(ask(job, { model: "no-such-model" })));
  assert.ok(error instanceof Anthropic.NotFoundError, error.stack);
  return error.type;
}

async function firstEventBeforeTheRest(job) {
  const words = `anthropic node first ${job.name}`;
  const call = ask(job, { model: `${job.model}-gated`, messages: [{ role: "user", content: words }], stream: true });
  const events = (await open(job).messages.create(call))[Symbol.asyncIterator]();
  assert.equal((await events.next()).value.type, "message_start");
  await openGate(job, words);
  let last;
  for (let next = await events.next(); !next.done; next = await events.next()) last = next.value;
  assert.equal(last.type, "message_stop");
}

async function abortedStream(job) {
  const client = open(job);
  const words = `anthropic node abort ${job.name}`;
  const call = ask(job, { model: `${job.model}-gated`, messages: [{ role: "user", content: words }], stream: true });
  const stream = await client.messages.create(call);
  for await (const event of stream) {
    assert.equal(event.type, "message_start");
    stream.controller.abort();
  }
  await openGate(job, words);
  assert.ok((await client.messages.create(ask(job))).content.length);
}

export const scenarios = {
  message, streamedMessage, streamHelper, parallelTools, image, parsed, thinking, countedTokens, models, byToken,
  refusedSampling, wrongKey, unknownModel, firstEventBeforeTheRest, abortedStream,
};
