import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, ready, until, visit } from "../browser/rig";
import { type Running, start } from "./program";

// Tests of the built conductor with its demo ring and its page in a real browser: `make build`, then `npm run test:real`.

let browser: Browser;
let conductor: Running;
let url = "";

beforeAll(async () => {
  conductor = await start();
  url = conductor.url;
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  await conductor?.close();
});

/** figure waits until a figure of the header has the expected text. */
async function figure(page: Page, testid: string, text: string): Promise<void> {
  await page.waitForFunction(
    ([id, want]) => document.querySelector(`[data-testid=${id}]`)?.textContent === want,
    [testid, text],
    { timeout: 40_000 },
  );
}

/** state waits until the state line shows a word. */
async function state(page: Page, word: string): Promise<void> {
  await page.locator(`[data-testid=state][data-state=${word}]`).waitFor({ timeout: 40_000 });
}

describe("the page of a real conductor", () => {
  let page: Page;
  let complaints: string[];

  it("shows the demo ring form, from its first members to ideal", async () => {
    ({ page, complaints } = await visit(browser, url));
    await ready(page);
    await figure(page, "members", "32");
    await state(page, "ideal");
    await figure(page, "error", "0");
    expect(await page.getByTestId("ring").getAttribute("data-members")).toBe("32");
  });

  it("shows lookups with their hops", async () => {
    await page.getByRole("tab", { name: "Lookups" }).click();
    await until(page, () => document.querySelectorAll("[aria-label^='Recent lookups'] [role=row]").length > 3, null);
  });

  it("shows a member that a click added", async () => {
    await page.getByRole("tab", { name: "Control" }).click();
    await page.getByTestId("add-members").click();
    await figure(page, "members", "33");
    await state(page, "ideal");
    expect(await page.getByTestId("ring").getAttribute("data-members")).toBe("33");
  });

  it("shows a crashed member fail, by its neighbours' reports, and the ring repaired", async () => {
    await page.getByRole("tab", { name: "Members" }).click();
    const row = page.getByTestId("member-table").locator("[role=row].table-row").nth(5);
    await row.locator(".id-link").click();
    const panel = page.getByTestId("member-panel");
    await panel.getByRole("button", { name: "Crash" }).click();
    await panel
      .getByText(/failed/i)
      .first()
      .waitFor({ timeout: 20_000 });
    await figure(page, "members", "32");
    await state(page, "ideal");
    // The header names the last repair.
    const id = (await panel.locator("h2").innerText()).slice(0, 8);
    await page.getByTestId("repair").getByText(`after ${id} failed`).waitFor({ timeout: 20_000 });
  });

  it("shows the ring as it was before the crash: the member with its pointers, and nothing that came later", async () => {
    const panel = page.getByTestId("member-panel");
    const id = (await panel.locator("h2").innerText()).slice(0, 8);
    await page.getByRole("tab", { name: "Events" }).click();
    await page.getByRole("button", { name: "Failures only" }).click();
    const reports = page.getByTestId("feed").locator("li", { hasText: `lost contact with ${id}` });
    await reports.first().waitFor();
    await page.getByRole("button", { name: "Failures only" }).click();
    // Steps back by event, to an instant at which no member has reported the crashed one yet.
    for (let back = 0; (await reports.count()) > 0 && back < 40; back++) {
      const from = page.url();
      await page.locator("body").press(",");
      await page.waitForURL((url) => url.href !== from);
    }
    await panel
      .getByText(/active/)
      .first()
      .waitFor();
    await figure(page, "members", "33");
    expect(await panel.locator(".chips .id-link").count()).toBe(8);
    expect(await panel.locator(".fingers .id-link").count()).toBeGreaterThan(2);
    await panel.getByText(/% of the circle/).waitFor();
    const at = Date.parse(new URL(page.url()).searchParams.get("t") ?? "");
    await page.getByRole("tab", { name: "Lookups" }).click();
    await page.locator(".lookup-row").nth(3).waitFor();
    const times = await page.locator(".lookup-row [role=cell]:nth-child(2)").allInnerTexts();
    expect(times.length).toBeGreaterThan(3);
    for (const time of times) {
      const [h, m, sec] = time.split(":").map(Number);
      expect(new Date(at).setHours(h, m, sec, 0)).toBeLessThanOrEqual(at);
    }
    await page.waitForURL(/tab=lookups/); // the page updates its address after a delay
    const other = await visit(browser, page.url());
    await figure(other.page, "members", "33");
    await other.page.getByTestId("member-panel").locator(".fingers .id-link").first().waitFor();
    await other.page.locator(".lookup-row").nth(3).waitFor();
    expect(other.complaints).toEqual([]);
    await other.page.context().close();
    await page.locator("body").press("l");
    await figure(page, "members", "32");
  });

  it("shows a member leave gracefully at a click", async () => {
    await page.getByRole("tab", { name: "Members" }).click();
    await page.getByTestId("member-table").locator("[role=row].table-row").nth(11).locator(".id-link").click();
    const panel = page.getByTestId("member-panel");
    await panel.getByRole("button", { name: "Leave" }).click();
    await panel.getByText(/left/i).first().waitFor({ timeout: 20_000 });
    await figure(page, "members", "31");
    await state(page, "ideal");
  });

  it("complained of nothing", () => expect(complaints).toEqual([]));
});
