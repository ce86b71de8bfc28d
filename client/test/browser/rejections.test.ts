import { describe, expect, it } from "vitest";
import { ready, rig } from "./rig";

const { serve, show } = rig();

const LINES = [
  'chord.node.state of 7c0e, ring demo: chord.event.seq: type, expected int, got double "1" (60 records)',
  "chord.node.states of a process without service.instance.id: unknown_event (1 records)",
  `chord.peer.failed of <b>bold</b>: ${"x".repeat(300)}: missing, expected string, got nothing (2 records)`,
  "events of ring other, from i-1 (3)",
  "members with 15 bits, 4 successors, 3 replicas (1)",
];

describe("telemetry that is not part of the picture", () => {
  it.each([
    ["wide", 1440],
    ["narrow", 390],
  ])("is named with its senders and reasons where the ring would be, on a %s page", async (_, width) => {
    const { url } = await serve({ members: 0, churn: 0, rejections: LINES });
    const page = await show(url, { width });
    const panel = page.getByTestId("ring").getByTestId("rejections");
    await panel.waitFor();
    const items = panel.getByRole("listitem");
    expect(await items.allInnerTexts()).toEqual(LINES);
    expect(await panel.locator("b").count()).toBe(0); // senders' texts are not interpreted as HTML
    const box = await panel.boundingBox();
    expect(box && box.x >= 0 && box.x + box.width <= width).toBe(true);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
  });

  it("replaces the table's rows, until there are members", async () => {
    const empty = await serve({ members: 0, churn: 0, rejections: LINES.slice(0, 1) });
    const page = await show(`${empty.url}?tab=members`);
    await page.getByRole("tab", { name: "Members" }).click();
    const panel = page.getByRole("tabpanel").getByTestId("rejections");
    expect(await panel.getByRole("listitem").allInnerTexts()).toEqual(LINES.slice(0, 1));
    expect(await page.getByText("No event of a member has been received yet.").count()).toBe(0);

    const full = await serve({ members: 9, churn: 0, rejections: LINES, spansDropped: 1 });
    const other = await show(full.url);
    await ready(other);
    expect(await other.getByTestId("rejections").count()).toBe(0);
    const rejected = other.getByTestId("rejected");
    expect(await rejected.innerText()).toBe("5 records rejected");
    expect(await rejected.getAttribute("title")).toBe(LINES.join("\n"));
    expect(await other.getByTestId("spans-dropped").innerText()).toBe("1 span dropped");
  });

  it("is not mentioned while there is none", async () => {
    const { url } = await serve({ members: 0, churn: 0 });
    const page = await show(`${url}?tab=members`);
    await page.getByRole("tab", { name: "Members" }).click();
    await page.getByRole("tabpanel").getByText("No event of a member has been received yet.").waitFor();
    expect(await page.getByTestId("rejections").count()).toBe(0);
    expect(await page.getByTestId("spans-dropped").count()).toBe(0);
    expect(await page.getByTestId("error").innerText()).toBe("–"); // nothing is known, so the page must not claim an error of 0
  });
});
