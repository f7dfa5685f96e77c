// The official OpenAI client for Node.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { DATA_URL, FORECAST, Forecast, QUESTION, RESULTS, SYSTEM, WEATHER, collect, failure, openGate } from "./shared.mjs";

const ASKED = [
  { role: "system", content: SYSTEM },
  { role: "user", content: QUESTION },
];
const TOOLS = [{ type: "function", function: { name: "weather", parameters: WEATHER } }];
const RESPONSE_TOOLS = [{ type: "function", name: "weather", parameters: WEATHER, strict: true }];

const open = (job, options = {}) =>
  new OpenAI({ baseURL: job.route.openai_url, apiKey: job.route.openai_key, maxRetries: 0, timeout: 30_000, ...options });

async function chat(job) {
  return open(job).chat.completions.create({ model: job.model, messages: ASKED });
}

async function streamedChat(job) {
  const chunks = await collect(await open(job).chat.completions.create({ model: job.model, messages: ASKED, stream: true }));
  const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  assert.ok(text.includes(QUESTION));
  assert.ok(chunks.every((chunk) => !chunk.usage));
  return text;
}

async function streamedChatWithUsage(job) {
  const stream_options = { include_usage: true };
  const call = { model: job.model, messages: ASKED, stream: true, stream_options };
  const chunks = await collect(await open(job).chat.completions.create(call));
  assert.deepEqual(chunks.at(-1).choices, []);
  return [chunks.at(-1).usage.total_tokens, chunks.at(-1).usage.prompt_tokens_details.cached_tokens];
}

async function parallelTools(job) {
  const client = open(job);
  const stream = client.chat.completions.stream({ model: job.model, messages: ASKED, tools: TOOLS });
  const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
  assert.equal(finish_reason, "tool_calls");
  const calls = message.tool_calls.map((call) => ({ id: call.id, type: call.type, function: { ...call.function } }));
  assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments).city), ["Oslo", "Bergen"]);
  const results = calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: RESULTS[call.id] }));
  const turn = { role: "assistant", content: null, tool_calls: calls };
  const last = await client.chat.completions.create({ model: job.model, messages: [...ASKED, turn, ...results], tools: TOOLS });
  assert.ok(Object.values(RESULTS).every((result) => last.choices[0].message.content.includes(result)));
  return [calls, last.choices[0].message.content];
}

async function image(job) {
  const content = [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: DATA_URL } },
  ];
  const answer = await open(job).chat.completions.create({ model: job.model, messages: [{ role: "user", content }] });
  assert.ok(answer.choices[0].message.content.includes(DATA_URL));
  return answer.choices[0].message.content;
}

async function parsed(job) {
  const response_format = zodResponseFormat(Forecast, "forecast");
  const answer = await open(job).chat.completions.parse({ model: job.model, messages: ASKED, response_format });
  assert.deepEqual(answer.choices[0].message.parsed, FORECAST);
  return answer.choices[0].message.content;
}

async function choicesWithLogprobs(job) {
  return open(job).chat.completions.create({ model: job.model, messages: ASKED, n: 2, logprobs: true, top_logprobs: 1 });
}

async function embeddings(job) {
  const client = open(job);
  const input = ["tide", "wind"];
  const packed = await client.embeddings.create({ model: "embed", input });
  const plain = await client.embeddings.create({ model: "embed", input, encoding_format: "float" });
  assert.deepEqual(packed.data[0].embedding, plain.data[0].embedding);
  return plain;
}

async function models(job) {
  const listed = await collect(open(job).models.list());
  assert.ok(listed.some((model) => model.id === job.model && model.object === "model"));
}

async function response(job) {
  const answer = await open(job).responses.create({ model: job.model, instructions: SYSTEM, input: QUESTION });
  assert.ok(answer.output_text.includes(QUESTION) && answer.output_text.includes(SYSTEM));
  return [answer.output_text, answer.usage.total_tokens];
}

async function streamedResponse(job) {
  const events = await collect(await open(job).responses.create({ model: job.model, input: QUESTION, stream: true }));
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
  assert.equal(events.at(-1).type, "response.completed");
  return events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta).join("");
}

async function toolsOfAResponse(job) {
  const client = open(job);
  const first = await client.responses.stream({ model: job.model, input: QUESTION, tools: RESPONSE_TOOLS }).finalResponse();
  const calls = first.output.filter((item) => item.type === "function_call");
  assert.deepEqual(calls.map((call) => JSON.parse(call.arguments).city), ["Oslo", "Bergen"]);
  const turns = [{ role: "user", content: QUESTION }];
  for (const { call_id, name, arguments: given } of calls) turns.push({ type: "function_call", call_id, name, arguments: given });
  for (const { call_id } of calls) turns.push({ type: "function_call_output", call_id, output: RESULTS[call_id] });
  return (await client.responses.create({ model: job.model, input: turns, tools: RESPONSE_TOOLS })).output_text;
}

async function parsedResponse(job) {
  const text = { format: zodTextFormat(Forecast, "forecast") };
  const answer = await open(job).responses.parse({ model: job.model, input: QUESTION, text });
  assert.deepEqual(answer.output_parsed, FORECAST);
}

async function refusedParameter(job) {
  const error = await failure(open(job).chat.completions.create({ model: job.model, messages: ASKED, temperature: 9 }));
  assert.ok(error instanceof OpenAI.BadRequestError, error.stack);
  return [error.status, error.param, error.code, error.message];
}

async function wrongKey(job) {
  const error = await failure(open(job, { apiKey: "sk-wrong" }).chat.completions.create({ model: job.model, messages: ASKED }));
  assert.ok(error instanceof OpenAI.AuthenticationError, error.stack);
}

async function unknownModel(job) {
  const error = await failure(open(job).chat.completions.create({ model: "no-such-model", messages: ASKED }));
  assert.ok(error instanceof OpenAI.NotFoundError, error.stack);
  return [error.param, error.code];
}

async function firstEventBeforeTheRest(job) {
  const words = `openai node first ${job.name}`;
  const messages = [{ role: "user", content: words }];
  const stream = await open(job).chat.completions.create({ model: `${job.model}-gated`, messages, stream: true });
  const events = stream[Symbol.asyncIterator]();
  assert.equal((await events.next()).value.choices[0].delta.role, "assistant");
  await openGate(job, words);
  let rest = 0;
  while (!(await events.next()).done) rest += 1;
  assert.ok(rest > 3);
}

async function abortedStream(job) {
  const client = open(job);
  const words = `openai node abort ${job.name}`;
  const messages = [{ role: "user", content: words }];
  const stream = await client.chat.completions.create({ model: `${job.model}-gated`, messages, stream: true });
  for await (const chunk of stream) {
    assert.equal(chunk.choices[0].delta.role, "assistant");
    stream.controller.abort();
  }
  await openGate(job, words);
  assert.ok((await client.chat.completions.create({ model: job.model, messages: ASKED })).choices.length);
}

export const scenarios = {
  chat, streamedChat, streamedChatWithUsage, parallelTools, image, parsed, choicesWithLogprobs, embeddings, models,
  response, streamedResponse, toolsOfAResponse, parsedResponse, refusedParameter, wrongKey, unknownModel,
  firstEventBeforeTheRest, abortedStream,
};
