import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, visit } from "../browser/rig";
import { type Running, start } from "./program";

// Tests of the built conductor without a ring, and with an emitter that sends one attribute with a wrong type.

let browser: Browser;
let conductor: Running;
beforeAll(async () => {
  browser = await launch();
  conductor = await start("--scenario=none");
});
afterAll(async () => {
  await browser?.close();
  await conductor?.close();
});

const attribute = (key: string, value: object) => ({ key, value });
const keyframe = (seq: number) => ({
  timeUnixNano: `${Date.now()}000000`,
  eventName: "chord.node.state",
  attributes: [
    attribute("chord.node.id", { stringValue: "0a3f" }),
    attribute("chord.node.incarnation", { intValue: "1" }),
    attribute("chord.event.seq", { doubleValue: seq }), // as emitters write it whose language has no integers
    attribute("chord.host.id", { stringValue: "host-1" }),
    attribute("chord.host.address", { stringValue: "host-1:7001" }),
  ],
});

describe("sixty keyframes with one attribute of the wrong type", () => {
  it("are shown on the page with sender, event, attribute, the expected type and the received one", async () => {
    const answer = await fetch(`${conductor.otlp}v1/logs`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        resourceLogs: [
          {
            resource: { attributes: [attribute("service.instance.id", { stringValue: "emitter-7" })] },
            scopeLogs: [{ logRecords: Array.from({ length: 60 }, (_, i) => keyframe(i + 1)) }],
          },
        ],
      }),
    });
    expect(answer.status).toBe(200);
    const { partialSuccess } = (await answer.json()) as {
      partialSuccess: { rejectedLogRecords: string; errorMessage: string };
    };
    expect(partialSuccess.rejectedLogRecords).toBe("60");
    expect(partialSuccess.errorMessage).toContain("chord.event.seq");

    const { page, complaints } = await visit(browser, conductor.url);
    const line = page.getByTestId("ring").getByTestId("rejections").getByRole("listitem");
    await line.waitFor();
    const text = await line.innerText();
    for (const part of ["chord.node.state", "emitter-7", "chord.event.seq", "expected int", "got double", "60 records"])
      expect(text).toContain(part);
    await page.getByRole("tab", { name: "Members" }).click();
    expect(await page.getByRole("tabpanel").getByTestId("rejections").innerText()).toContain("emitter-7");
    expect(complaints).toEqual([]);
  });
});
