import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { ready, rig } from "./rig";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const ring = rig({ members: 32, churn: 1, lookups: 20 });
const settled = { members: 32, churn: 0, lookups: 20 }; // without churn, a selected member stays a member

interface Finding {
  id: string;
  impact: string;
  nodes: { html: string; any: { message: string }[] }[];
}

/** findings returns axe's serious and critical findings as texts for a failing test's message. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(AXE); // not as a script element: the page's Content-Security-Policy refuses it
  const violations = (await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations)",
  )) as Finding[];
  return violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .flatMap((v) => v.nodes.slice(0, 3).map((n) => `${v.id}: ${n.html.slice(0, 140)} ${n.any[0]?.message ?? ""}`));
}

describe.each(["light", "dark"] as const)("access, %s", (scheme) => {
  it.each(["events", "lookups", "members", "charts", "control"])("the %s tab has no serious finding", async (tab) => {
    const page = await ring.show(`${ring.shared.url}?tab=${tab}`, { scheme });
    await ready(page);
    await page.locator(".events li, .lookup-row, .table-row, .u-wrap, .control section").first().waitFor();
    expect(await findings(page)).toEqual([]);
  });

  it("nor have member panel, lookup card, dialog and tour", async () => {
    const { url } = await ring.serve(settled);
    const page = await ring.show(`${url}?tab=lookups`, { scheme, tour: true });
    await ready(page);
    await page.locator("body").press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Successor list" }).waitFor();
    await page.getByRole("table", { name: /Recent lookups/ }).hover();
    await page.locator(".lookup-row button").nth(3).click();
    await page.getByTestId("lookup-card").waitFor();
    expect(await findings(page)).toEqual([]);
    await page.locator("body").press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    expect(await findings(page)).toEqual([]);
  });
});

describe.each(["light", "dark"] as const)("access, %s", (scheme) => {
  it("nor have an experiment's form with its mistakes, and the past", async () => {
    // This ring has churn, so the selected member may not exist at the instant shown.
    const mayComplain = /status of 404/;
    const page = await ring.show(`${ring.shared.url}?tab=control`, { scheme, mayComplain });
    await ready(page);
    await page.getByRole("combobox", { name: "Scenario" }).selectOption("first-ring");
    await page.getByLabel("Add a phase").selectOption("partition");
    await page.getByRole("textbox", { name: "Seed" }).fill("none");
    await page.getByText(/seed: expected a whole number/).waitFor();
    await page.locator(".track:not([aria-disabled=true])").waitFor();
    await page.locator("h1").click(); // leaves the text field, in which arrow keys move the caret
    await page.locator("body").press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.locator(".track").click({ position: { x: 400, y: 10 } });
    await page
      .getByTestId("link")
      .getByText(/Showing .* ago/)
      .waitFor();
    await page
      .getByTestId("member-panel")
      .getByText(/Fingers|No such member at this instant/)
      .first()
      .waitFor();
    expect(await findings(page)).toEqual([]);
  });
});

describe("the view token", () => {
  it("shows the ring and offers no command", async () => {
    const { url } = await ring.serve({ ...settled, viewOnly: true });
    const page = await ring.show(`${url}?tab=control`);
    await ready(page);
    await page.getByText(/allows viewing only/).waitFor();
    await page.locator("body").press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Successor list" }).waitFor();
    expect(await page.getByRole("button", { name: "Crash" }).count()).toBe(0);
    await page.getByRole("tab", { name: "Lookups" }).click();
    await page.getByRole("table", { name: /Recent lookups/ }).waitFor();
    expect(await page.getByRole("button", { name: "Find" }).count()).toBe(0);
  });
});

describe("a narrow screen", () => {
  const narrow = { width: 390, height: 844 };

  it("shows the selected member's name whole", async () => {
    const { url } = await ring.serve(settled);
    const page = await ring.show(url, narrow);
    await ready(page);
    await page.locator("body").press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Successor list" }).waitFor();
    const [stage, name] = await Promise.all(
      [".stage", ".label-strong:visible"].map((what) => page.locator(what).first().boundingBox()),
    );
    if (!stage || !name) throw new Error("the picture, or the selected member's name on it, has no box");
    expect(name.x).toBeGreaterThanOrEqual(0);
    expect(name.x + name.width).toBeLessThanOrEqual(390);
    expect(name.y).toBeGreaterThanOrEqual(stage.y);
    expect(await findings(page)).toEqual([]);
  });

  it("has no serious finding and nothing wider than itself", async () => {
    const page = await ring.show(ring.shared.url, narrow);
    await ready(page);
    for (const tab of ["Events", "Lookups", "Members", "Charts", "Control"]) {
      await page.getByRole("tab", { name: tab }).click();
      await page.locator(".events li, .lookup-row, .table-row, .u-wrap, .control section").first().waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth), tab).toBeLessThanOrEqual(390);
    }
    expect(await findings(page)).toEqual([]);
  });
});
