import { writeFileSync } from "node:fs";
import type { Browser, CDPSession, Page } from "playwright-core";

/**
 * This file measures what the page costs its main thread, in milliseconds of processor time, from
 * a trace of Chromium. Unlike the wall clock, processor time hardly depends on other work of the
 * machine.
 */

interface Event {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number; // microseconds
  dur?: number;
  tdur?: number; // processor time, in microseconds
}

/**
 * STEPS names the kinds of steps in the main thread's tasks. A step within another step counts
 * only once, as the inner one.
 */
const STEPS: Record<string, string> = {
  FunctionCall: "script",
  EvaluateScript: "script",
  RunMicrotasks: "script",
  FireAnimationFrame: "script",
  Layout: "style and layout",
  UpdateLayoutTree: "style and layout",
  PrePaint: "paint of elements",
  Paint: "paint of elements",
  Layerize: "paint of elements",
  "LayerTreeHost::DoUpdateLayers": "canvas raster",
  MajorGC: "garbage collection",
  MinorGC: "garbage collection",
};

export interface Busy {
  /** Processor time of each frame, or of each time between two marks. */
  ms: number[];
  /** Mean processor time of each kind of step. */
  parts: Record<string, number>;
}

/** FRAME is marked in every frame by the page under test, so that tasks can be assigned to frames. */
export const FRAME = "bench.frame";

/**
 * busyBetween traces the page while work runs. It divides the main thread's tasks at each
 * user-timing mark with the given name, and sums up those between two marks.
 */
export async function busyBetween(browser: Browser, mark: string, work: () => Promise<void>): Promise<Busy> {
  const events = await traced(browser, work);
  const marks = events.filter((e) => e.name === mark && e.ph !== "e").sort((a, b) => a.ts - b.ts);
  const main = events.filter((e) => e.pid === marks[0]?.pid && e.tid === marks[0].tid && e.ph === "X");
  const tasks = main.filter((e) => e.name === "RunTask").sort((a, b) => a.ts - b.ts);
  const ms: number[] = [];
  let next = 0;
  for (const task of tasks) {
    let begins = false;
    for (; next < marks.length && marks[next].ts < task.ts + (task.dur ?? 0); next++) begins = true;
    if (begins) ms.push(0);
    if (ms.length) ms[ms.length - 1] += (task.tdur ?? 0) / 1000;
  }
  ms.pop(); // the last one is incomplete
  const parts: Record<string, number> = {};
  const [from, to] = [marks[0]?.ts ?? 0, marks.at(-1)?.ts ?? 0];
  const timed = main.filter((e) => STEPS[e.name] && e.ts >= from && e.ts < to);
  const steps = timed.sort((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0));
  const within: Event[] = [];
  for (const step of steps) {
    while (within.length && within[within.length - 1].ts + (within[within.length - 1].dur ?? 0) <= step.ts)
      within.pop();
    const outer = within[within.length - 1];
    const share = (step.tdur ?? 0) / 1000 / Math.max(1, ms.length);
    parts[STEPS[step.name]] = (parts[STEPS[step.name]] ?? 0) + share;
    if (outer) parts[STEPS[outer.name]] -= share;
    within.push(step);
  }
  return { ms, parts };
}

async function traced(browser: Browser, work: () => Promise<void>): Promise<Event[]> {
  const devtools = await browser.newBrowserCDPSession();
  const events: Event[] = [];
  devtools.on("Tracing.dataCollected", ({ value }) => events.push(...(value as unknown as Event[])));
  await devtools.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: {
      excludedCategories: ["*"],
      includedCategories: [
        "devtools.timeline",
        "disabled-by-default-devtools.timeline",
        "blink.user_timing",
        "cc",
        "v8",
      ],
    },
  });
  await work();
  const complete = new Promise((resolve) => devtools.once("Tracing.tracingComplete", resolve));
  await devtools.send("Tracing.end");
  await complete;
  await devtools.detach();
  return events;
}

/**
 * profiled runs work, and writes a profile of it to a file, which Chromium's developer tools can
 * open. Without a file name, it only runs work.
 */
export async function profiled(page: Page, file: string | undefined, work: () => Promise<void>): Promise<void> {
  if (!file) return work();
  const devtools: CDPSession = await page.context().newCDPSession(page);
  await devtools.send("Profiler.enable");
  await devtools.send("Profiler.setSamplingInterval", { interval: 250 });
  await devtools.send("Profiler.start");
  await work();
  writeFileSync(file, JSON.stringify((await devtools.send("Profiler.stop")).profile));
  await devtools.detach();
}

/**
 * at returns the percentile of values below which the given share of them lies, or 0 if there are
 * no values.
 */
export function at(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
