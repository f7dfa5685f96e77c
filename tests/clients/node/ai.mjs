// The AI SDK by Vercel, with its providers for OpenAI (chat and responses), Anthropic and OpenAI-compatible servers.
import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, embedMany, generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";
import { FORECAST, Forecast, PIXEL, QUESTION, RESULTS, SYSTEM, failure, openGate } from "./shared.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

const openai = (job) => createOpenAI({ baseURL: job.route.openai_url, apiKey: job.route.openai_key });
const providers = {
  chat: (job, model = job.model) => openai(job).chat(model),
  responses: (job, model = job.model) => openai(job).responses(model),
  messages: (job, model = job.model) =>
    createAnthropic({ baseURL: `${job.route.anthropic_url}/v1`, apiKey: job.route.anthropic_key })(model),
  compatible: (job, model = job.model) =>
    createOpenAICompatible({
      name: "patchbay", baseURL: job.route.openai_url, apiKey: job.route.openai_key,
      includeUsage: true, supportsStructuredOutputs: true,
    })(model),
};

const call = (model, options = {}) => ({ model, prompt: QUESTION, maxRetries: 0, maxOutputTokens: 5000, ...options });
const used = ({ inputTokens, outputTokens, inputTokenDetails }) => [inputTokens, inputTokenDetails.cacheReadTokens, outputTokens];

async function text(model) {
  const answer = await generateText(call(model, { instructions: SYSTEM }));
  assert.ok(answer.text.includes(SYSTEM) && answer.text.includes(QUESTION));
  return [answer.text, answer.finishReason, used(answer.usage)];
}

async function streamed(model) {
  const answer = streamText(call(model, { onError: () => {} }));
  let said = "";
  for await (const piece of answer.textStream) said += piece;
  assert.ok(said.includes(QUESTION));
  return [said, await answer.finishReason, used(await answer.usage)];
}

async function tools(model) {
  const asked = [];
  const weather = tool({
    description: "Now, in a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }, { toolCallId }) => {
      asked.push([toolCallId, city]);
      return RESULTS[toolCallId];
    },
  });
  const answer = streamText(call(model, { tools: { weather }, stopWhen: isStepCount(3), onError: () => {} }));
  let said = "";
  for await (const piece of answer.textStream) said += piece;
  assert.deepEqual(asked.map(([, city]) => city).sort(), ["Bergen", "Oslo"]);
  assert.ok(Object.values(RESULTS).every((result) => said.includes(result)), said);
  return [asked.sort(), said];
}

async function object(model) {
  const answer = await generateText(call(model, { output: Output.object({ schema: Forecast }) }));
  assert.deepEqual(answer.output, FORECAST);
}

async function image(model) {
  const content = [
    { type: "text", text: "What is this?" },
    { type: "file", data: Buffer.from(PIXEL, "base64"), mediaType: "image/png" },
  ];
  const answer = await generateText({ model, maxRetries: 0, maxOutputTokens: 5000, messages: [{ role: "user", content }] });
  assert.ok(answer.text.includes(PIXEL));
}

const each = { text, streamed, tools, object, image };

async function embeddings(job) {
  const model = openai(job).embedding("embed");
  return (await embedMany({ model, values: ["tide", "wind"], maxRetries: 0 })).embeddings;
}

async function wrongKey(job) {
  const route = { ...job.route, openai_key: "sk-wrong" };
  const error = await failure(generateText(call(providers.chat({ ...job, route }))));
  assert.ok(APICallError.isInstance(error), error.stack);
  return [error.statusCode, error.isRetryable];
}

async function firstEventBeforeTheRest(job) {
  const words = `ai first ${job.name}`;
  const model = providers.compatible(job, `${job.model}-gated`);
  let opened = false;
  const { stream } = streamText(call(model, { prompt: words, includeRawChunks: true, onError: () => {} }));
  for await (const part of stream) {
    if (part.type === "raw" && !opened) {
      opened = true;
      await openGate(job, words);
    }
  }
  assert.ok(opened);
}

export const scenarios = { embeddings, wrongKey, firstEventBeforeTheRest };
for (const [provider, make] of Object.entries(providers)) {
  for (const [name, scenario] of Object.entries(each)) {
    scenarios[`${provider}_${name}`] = (job) => scenario(make(job));
  }
}
