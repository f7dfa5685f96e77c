// Runs the scenarios of one client for each job and prints what they saw as JSON.
// Standard input: {"client": "openai", "jobs": [{"name", "model", "route": {...}, "gates", "only"?: [scenario names]}]}
import { readFileSync } from "node:fs";

const { client, jobs } = JSON.parse(readFileSync(0, "utf8"));
const { scenarios } = await import(`./${client}.mjs`);

async function attempt(scenario, job) {
  try {
    return { seen: (await scenario(job)) ?? null };
  } catch (error) {
    return { failed: String(error.stack ?? error) };
  }
}

async function run(job) {
  const names = job.only ?? Object.keys(scenarios);
  const ends = await Promise.all(names.map((name) => attempt(scenarios[name], job)));
  return [job.name, Object.fromEntries(names.map((name, index) => [name, ends[index]]))];
}

const results = Object.fromEntries(await Promise.all(jobs.map(run)));
process.stdout.write(JSON.stringify(results), () => process.exit(0));
