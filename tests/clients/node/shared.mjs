// What every client's scenarios share: the questions, and the gates that hold a vendor's stream.
import { z } from "zod";

export const SYSTEM = "You keep the harbour log.";
export const QUESTION = "When does the tide turn — høyvann?";
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const DATA_URL = `data:image/png;base64,${PIXEL}`;
export const RESULTS = { call_0: "-3 °C", call_1: "4 °C" };
export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const Forecast = z.object({ city: z.string(), degrees: z.number().int() });
export const FORECAST = { city: "Oslo", degrees: -3 };

/** Opens the gate named by the last words of a call; they are the job's own, so that jobs do not meet. */
export async function openGate(job, words) {
  const answer = await fetch(`${job.gates}/gates/${encodeURIComponent(words)}`, { method: "POST" });
  if (!answer.ok) throw new Error(`the gate answered ${answer.status}`);
}

export async function collect(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** Returns the error that a promise ends with; one that does not fail is a fault. */
export async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
