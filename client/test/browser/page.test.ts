import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { members, ready, rig } from "./rig";

const calm = rig({ members: 32, churn: 0, lookups: 20 }); // a ring without faults

/** placeOf returns a member's position on the screen, computed from the table alone. */
async function placeOf(page: Page, row: number): Promise<{ x: number; y: number; id: string }> {
  await page.getByRole("tab", { name: "Members" }).click();
  const cells = page.getByTestId("member-table").locator("[role=row].table-row").nth(row).getByRole("cell");
  const id = (await cells.nth(0).innerText()).trim();
  const turn = Number.parseFloat(await cells.nth(2).innerText()) / 360;
  const box = await page.getByTestId("ring").boundingBox();
  if (!box) throw new Error("the ring has no box");
  const r = Math.min(box.width / 2 - 118, box.height / 2 - 84);
  return {
    id,
    x: box.x + box.width / 2 + r * Math.sin(turn * 2 * Math.PI),
    y: box.y + box.height / 2 - r * Math.cos(turn * 2 * Math.PI),
  };
}

describe("the ring", () => {
  it("shows thirty-two members on the canvas, in the state line and in the table", async () => {
    const page = await calm.show(calm.shared.url);
    await ready(page);
    expect(await members(page)).toBe(32);
    expect(await page.getByTestId("ring").getAttribute("data-drawn")).toBe("members");
    expect(await page.getByTestId("members").innerText()).toBe("32");
    expect(await page.getByTestId("state").innerText()).toMatch(/Ideal/);
    await page.getByRole("tab", { name: "Members" }).click();
    expect(await page.getByTestId("member-table").getAttribute("aria-rowcount")).toBe("33");
    const inked = await page.evaluate(() => {
      const canvas = document.querySelector("[data-testid=ring] canvas") as HTMLCanvasElement;
      const { data } = (canvas.getContext("2d") as CanvasRenderingContext2D).getImageData(
        0,
        0,
        canvas.width,
        canvas.height,
      );
      let n = 0;
      for (let i = 3; i < data.length; i += 4) if (data[i] > 0) n++;
      return n;
    });
    expect(inked).toBeGreaterThan(5000);
  });

  it("selects the member at the click's position: its identifier's true angle", async () => {
    const page = await calm.show(calm.shared.url);
    await ready(page);
    const { x, y, id } = await placeOf(page, 7);
    await page.mouse.click(x, y);
    await page.getByTestId("member-panel").waitFor();
    expect(await page.getByTestId("member-panel").locator("h2").innerText()).toContain(id);
    await page.getByRole("heading", { name: "Successor list" }).waitFor();
    await page.locator(".member .chips li").nth(7).waitFor();
    expect(await page.locator(".member .chips li").count()).toBe(8);
    expect(await page.locator(".label-strong").innerText()).toBe(id);
  });

  it("describes the member under the pointer", async () => {
    const page = await calm.show(calm.shared.url);
    await ready(page);
    const { x, y, id } = await placeOf(page, 3);
    await page.mouse.move(x, y);
    expect(await page.locator(".tooltip").innerText()).toContain(id);
    await page.mouse.move(x - 300, y + 300);
  });

  it("animates real lookups, and shows how many of them it draws", async () => {
    const page = await calm.show(calm.shared.url);
    await ready(page);
    await page.locator("[data-testid=ring][data-motion=moving]").waitFor();
    await page.getByText(/lookups( per second)? shown/).waitFor();
    await page.getByLabel("Lookups that move on the ring").selectOption("0");
    await page.getByText("Lookups are not drawn").waitFor();
    await page.locator("[data-testid=ring][data-motion=no]").waitFor();
  });

  it("moves nothing for readers who prefer reduced motion", async () => {
    const page = await calm.show(calm.shared.url, { calm: true });
    await ready(page);
    await page.locator("[data-testid=ring][data-motion=still]").waitFor();
  });
});

describe("a large ring", () => {
  it("is drawn as bins, opened by a lens, and member by member on zoom", async () => {
    const large = await calm.serve({ members: 1000, churn: 0, lookups: 5 });
    const page = await calm.show(large.url);
    await ready(page);
    const ring = page.getByTestId("ring");
    expect(await ring.getAttribute("data-drawn")).toBe("bins");
    const box = await ring.boundingBox();
    if (!box) throw new Error("the ring has no box");
    const r = Math.min(box.width / 2 - 118, box.height / 2 - 84);
    const [x, y] = [box.x + box.width / 2 + r + 20, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.locator(".tooltip li").first().waitFor();
    for (let i = 0; i < 12; i++) await page.mouse.wheel(0, -100);
    await page.locator("[data-testid=ring][data-drawn=members]").waitFor();
    await page.waitForURL(/view=/);
    await page.keyboard.press("0");
    await page.locator("[data-testid=ring][data-drawn=bins]").waitFor();
  });
});

describe("a new reader", () => {
  it("reads from the page the number of members, the ring's status, its last repair and how a key is found", async () => {
    const busy = await calm.serve({ members: 40, churn: 1, lookups: 10 });
    const page = await calm.show(busy.url);
    await ready(page);
    expect(Number(await page.getByTestId("members").innerText())).toBeGreaterThan(20);
    await page.locator("[data-testid=state][data-state=ideal]").waitFor();
    await page
      .getByTestId("repair")
      .getByText(/^Last repair: ended at \d\d:\d\d:\d\d, took .* s, after [0-9a-f]{8} (failed|left|joined)/)
      .waitFor();
    await page
      .getByRole("list", { name: "How to read the picture" })
      .getByText("hop of a lookup by a finger")
      .waitFor();
    await page.getByRole("tab", { name: "Lookups" }).click();
    await page.getByText(/the first member at or after it, clockwise, owns the key/).waitFor();
  });
});

describe("what happened", () => {
  it("shows a crash in feed, legend, table and state line", async () => {
    const own = await calm.serve({ members: 16, churn: 0, lookups: 0 });
    const page = await calm.show(own.url);
    await ready(page);
    const { x, y, id } = await placeOf(page, 4);
    await page.mouse.click(x, y);
    await page.getByRole("button", { name: "Crash" }).click();
    await page.getByText(/was crashed/).waitFor();
    await page.locator(".legend li", { hasText: "failed" }).waitFor();
    await page
      .getByTestId("state")
      .getByText(/lost contact with/)
      .waitFor();
    await page.locator(".table-row", { hasText: id }).getByText("failed").waitFor();
    await page.getByRole("tab", { name: "Events" }).click();
    await page.getByTestId("feed").locator("[data-warning]").first().waitFor();
    await page.getByRole("button", { name: "Failures only" }).click();
    // Two neighbours report the crash.
    await page.getByTestId("feed").locator("li").nth(1).waitFor();
    expect(await page.getByTestId("feed").locator("li").count()).toBe(2);
    const trace = page
      .getByTestId("feed")
      .getByRole("link", { name: /Jaeger/ })
      .first();
    expect(await trace.getAttribute("href")).toMatch(/^http:\/\/localhost:16686\/trace\/[0-9a-f]{32}$/);
  });

  it("adds members by a click, and lets one leave", async () => {
    const own = await calm.serve({ members: 12, churn: 0, lookups: 0 });
    const page = await calm.show(own.url);
    await ready(page);
    await page.getByRole("tab", { name: "Control" }).click();
    await page.getByLabel("How many members").fill("3");
    await page.getByTestId("add-members").click();
    await page.locator("[data-testid=ring][data-members='15']").waitFor();
    await page.locator(".figure dd", { hasText: "15" }).waitFor();
    await page.keyboard.press("Escape");
    const { x, y } = await placeOf(page, 0);
    await page.mouse.click(x, y);
    await page.getByRole("button", { name: "Leave" }).click();
    await page.locator(".legend li", { hasText: "left" }).waitFor();
  });
});

describe("a broken condition", () => {
  it("is shown with its members, place, time and cause; healed ones stay for a while", async () => {
    const own = await calm.serve({ members: 16, churn: 0, lookups: 0, violated: true });
    const page = await calm.show(own.url);
    await ready(page);
    expect(await page.getByTestId("state").innerText()).toMatch(/Violated[\s]+A successor list is out of order: /);
    const list = page.getByTestId("violations");
    expect(await list.locator("li").count()).toBe(2);
    expect(await list.locator("li").first().innerText()).toMatch(/since \d\d:\d\d:\d\d/);
    expect(await list.locator("li").last().innerText()).toContain("healed after 1.5 s");
    expect(await list.getByRole("link").first().getAttribute("href")).toContain("/trace/");
    await page.locator(".label-note", { hasText: "violated" }).waitFor({ state: "attached" }); // fails if there are several
    await list.locator(".id-link").first().click();
    await page.getByTestId("member-panel").waitFor();
  });
});

describe("lookups", () => {
  it("finds a typed key, shows its path and where the time went", async () => {
    const page = await calm.show(`${calm.shared.url}?tab=lookups`);
    await ready(page);
    await page.getByTestId("find").getByLabel("Key").fill("the tide");
    await page.getByTestId("find").getByRole("button", { name: "Find" }).click();
    const card = page.getByTestId("lookup-card");
    await card.waitFor();
    const hops = await card.locator(".waterfall li").count();
    expect(hops).toBeGreaterThan(0);
    expect(await card.innerText()).toMatch(/½ log₂ 32 = 2\.5/);
    if (hops > 1) expect(await card.locator(".waterfall li").last().innerText()).toContain("owner");
    // The card explains the path: the key's identifier, the key's owner, and for each hop the pointer and its distance.
    expect(await card.innerText()).toMatch(/The hash of “the tide” is [0-9a-f]{8}; the first member at or after it/);
    expect(await card.locator(".why").first().innerText()).toMatch(
      /^start: (the key is .+ % of the circle ahead|the owner)$/,
    );
    for (const why of (await card.locator(".why").allInnerTexts()).slice(1))
      expect(why).toMatch(
        /^(finger \d+, .+ of the circle ahead|successor, the next member ahead): (.+ % of the circle left|the owner)$/,
      );
    expect(await card.getByRole("link", { name: /Jaeger/ }).getAttribute("href")).toContain("/trace/");
    await page.waitForURL(/trace=[0-9a-f]{32}/);
    // The list is frozen under the pointer, so that rows stay in place while further lookups are received.
    await page.getByRole("table", { name: /Recent lookups/ }).hover();
    await page.locator(".lookup-row button").nth(3).click();
    await page.keyboard.press("Escape");
    await card.waitFor({ state: "detached" });
  });
});

describe("the list of lookups", () => {
  it("has one row per place, though several lookups share a trace", async () => {
    const busy = await calm.serve({ members: 32, churn: 0, lookups: 120 });
    const page = await calm.show(`${busy.url}?tab=lookups`);
    await ready(page);
    await page.getByText(/The last [4-6]\d\d took/).waitFor();
    await page.getByRole("table", { name: /Recent lookups/ }).hover();
    const tops = await page
      .locator(".lookup-row")
      .evaluateAll((rows) => rows.map((row) => (row as HTMLElement).style.top));
    expect(tops.length).toBeGreaterThan(10);
    expect(new Set(tops).size).toBe(tops.length);
  });
});

describe("keyboard", () => {
  it("moves along the ring, follows fingers, selects, pauses and shows the map", async () => {
    const page = await calm.show(calm.shared.url);
    await ready(page);
    await page.locator("body").press("ArrowRight");
    const first = await page.getByTestId("cursor").innerText();
    expect(first).toMatch(/^[0-9a-f]{8}, active/);
    await page.keyboard.press("ArrowRight");
    expect(await page.getByTestId("cursor").innerText()).not.toBe(first);
    await page.keyboard.press("ArrowLeft");
    expect(await page.getByTestId("cursor").innerText()).toBe(first);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Successor list" }).waitFor();
    await page.locator(".fingers .id-link").first().waitFor();
    const fingers = await page.locator(".fingers .id-link").allInnerTexts();
    await page.keyboard.press("Shift+ArrowRight");
    expect(fingers).toContain((await page.getByTestId("cursor").innerText()).slice(0, 8));
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor({ state: "hidden" });
    await page.keyboard.press("3");
    await page.getByTestId("member-table").waitFor();
  });

  it("loses no key that follows the end of a dialog, whose close event is a later task", async () => {
    const page = await calm.show(calm.shared.url);
    await ready(page);
    const dialog = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    const closeAndPress = (key: string) =>
      page.evaluate((key) => {
        document.querySelector<HTMLDialogElement>("dialog[open]")?.close();
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      }, key);
    await page.locator("body").press("?");
    await dialog.waitFor();
    await closeAndPress("3");
    await page.getByTestId("member-table").waitFor();
    await dialog.waitFor({ state: "hidden" });
    await page.keyboard.press("?");
    await dialog.waitFor();
    await page.keyboard.press("4"); // the page's shortcuts do not work while a dialog is open
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    expect(await page.getByRole("tab", { selected: true }).innerText()).toBe("Members");
    await page.keyboard.press("?");
    await dialog.waitFor();
  });

  it("pauses the view, and keeps receiving", async () => {
    const own = await calm.serve({ members: 10, churn: 0, lookups: 0 });
    const page = await calm.show(own.url);
    await ready(page);
    await page.locator("body").press(" ");
    await page.getByTestId("link").getByText("Paused").waitFor();
    await fetch(`${own.url}api/nodes`, { method: "POST", body: '{"count": 5}' });
    const clock = await page.getByTestId("timeline").locator(".timeline-now .num").innerText();
    await page.waitForFunction(() => document.querySelectorAll(".thumb").length === 1);
    await page.getByTestId("timeline").locator(".track").waitFor();
    expect(await members(page)).toBe(10);
    expect(await page.getByTestId("timeline").locator(".timeline-now .num").innerText()).toBe(clock);
    await page.locator("body").press(" ");
    await page.locator("[data-testid=ring][data-members='15']").waitFor();
  });
});
