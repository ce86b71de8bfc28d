import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { members, ready, rig, serve, type Visit } from "./rig";

const { serve: ring, show: open } = rig();

/** show opens a page that may log errors, since these tests lose connections and have commands refused. */
const show = (url: string, how: Visit = {}): Promise<Page> => open(url, { ...how, mayComplain: /^/ });

describe("connection", () => {
  it("is shown as lost, and reconnects by itself", async () => {
    const first = await serve({ members: 9, churn: 0 });
    const page = await show(first.url);
    await ready(page);
    await first.close();
    await page.getByTestId("link").getByText("Connection lost.").waitFor();
    expect(await members(page)).toBe(9); // the last picture is still shown
    await ring({ members: 11, churn: 0 }, Number(new URL(first.url).port));
    await page.getByText(/Reconnected/).waitFor();
    await page.locator("[data-testid=ring][data-members='11']").waitFor();
  });

  it("shows that there is no ring yet", async () => {
    const page = await show((await ring({ members: 0, churn: 0 })).url);
    await page.getByTestId("link").getByText("No ring yet.").waitFor();
    expect(await page.getByTestId("state").innerText()).toMatch(/Unknown/);
  });
});

describe("token", () => {
  it("is asked for when a command needs it, and the command then succeeds", async () => {
    const { url } = await ring({ members: 9, churn: 0, token: "secret+/=" });
    const page = await show(`${url}?tab=control`);
    await ready(page);
    await page.getByTestId("add-members").click();
    const dialog = page.getByRole("dialog", { name: "Token required" });
    await dialog.getByLabel("Token").fill("secret+/=");
    await dialog.getByRole("button", { name: "Use this token" }).click();
    await page.locator("[data-testid=ring][data-members='10']").waitFor();
  });

  it("comes with the address, and does not stay in it", async () => {
    const { url } = await ring({ members: 9, churn: 0, token: "secret" });
    const page = await show(`${url}?tab=control#token=secret`);
    await ready(page);
    expect(page.url()).not.toContain("secret");
    await page.getByTestId("add-members").click();
    await page.locator("[data-testid=ring][data-members='10']").waitFor();
  });

  it("wrong or refused, the reason is shown", async () => {
    const { url } = await ring({ members: 9, churn: 0, token: "secret" });
    const page = await show(`${url}?tab=control#token=wrong`);
    await ready(page);
    await page.getByTestId("add-members").click();
    await page.getByRole("dialog").getByRole("button", { name: "Not now" }).click();
    await page
      .getByRole("alert")
      .getByText(/needs the token that the conductor was started with/)
      .waitFor();
    expect(await members(page)).toBe(9);
  });

  it("is asked for again after Escape, which fails the command that waits for it", async () => {
    const { url } = await ring({ members: 9, churn: 0, token: "secret" });
    const page = await show(`${url}?tab=control#token=wrong`);
    await ready(page);
    for (let i = 0; i < 2; i++) {
      await page.getByTestId("add-members").click();
      await page.getByRole("dialog", { name: "Token required" }).waitFor();
      await page.keyboard.press("Escape");
      await page
        .getByRole("alert")
        .getByText(/needs the token that the conductor was started with/)
        .waitFor();
      await page.getByRole("button", { name: "Dismiss" }).click();
    }
    expect(await members(page)).toBe(9);
  });
});

describe("address", () => {
  it("shows the same to every reader of the link", async () => {
    const { url } = await ring({ members: 20, churn: 0 });
    const page = await show(url, { scheme: "light" });
    await ready(page);
    await page.locator("body").press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.keyboard.press("1");
    await page.getByRole("button", { name: "Pointers" }).click();
    await page.getByRole("button", { name: "Failures only" }).click();
    await page.keyboard.press("3");
    await page.getByRole("button", { name: "Keys" }).click();
    await page.getByRole("button", { name: "Keys" }).click();
    await page.keyboard.press("5");
    await page.keyboard.press("+");
    await page.getByRole("button", { name: /^Theme/ }).click();
    await page.getByRole("button", { name: /^Theme/ }).click();
    await page.waitForURL(/member=.*tab=control.*theme=dark.*view=.*feed=membership%2Ckeys%2Cerrors&sort=-keys/);
    const other = await show(page.url(), { scheme: "light" });
    await ready(other);
    const id = await page.getByTestId("member-panel").locator("h2").innerText();
    expect(await other.getByTestId("member-panel").locator("h2").innerText()).toBe(id);
    expect(await other.getByRole("tab", { selected: true }).innerText()).toBe("Control");
    await other.keyboard.press("1");
    const pressed = other.getByRole("group", { name: "Events shown" }).getByRole("button", { pressed: true });
    await pressed.first().waitFor();
    expect(await pressed.allInnerTexts()).toEqual(["Membership", "Keys", "Failures only"]);
    await other.keyboard.press("3");
    expect(await other.getByRole("columnheader", { name: /Keys/ }).getAttribute("aria-sort")).toBe("descending");
    expect(await other.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(
      await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    );
  });
});

describe("time", () => {
  it("goes back to an instant with all panels, and back to live", async () => {
    const { url } = await ring({ members: 10, churn: 0, lookups: 5 });
    const page = await show(url);
    await ready(page);
    const history = page.locator(".track:not([aria-disabled=true])");
    await history.waitFor();
    // The history gets a few seconds, then five members join: an earlier instant must show ten members.
    await page.waitForFunction(() => Number(document.querySelector(".track")?.getAttribute("aria-valuemax")) >= 3);
    await fetch(`${url}api/nodes`, { method: "POST", body: '{"count": 5}' });
    await page.locator("[data-testid=ring][data-members='15']").waitFor();
    await history.click({ position: { x: 30, y: 10 } });
    await page.getByTestId("link").getByText("Showing").waitFor();
    await page.locator("[data-testid=ring][data-members='10']").waitFor();
    expect(await page.getByTestId("members").innerText()).toBe("10");
    await page.waitForURL(/t=/);
    const other = await show(page.url());
    await other.locator("[data-testid=ring][data-members='10']").waitFor();
    await page.locator("body").press("l");
    await page.locator("[data-testid=ring][data-members='15']").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
  });

  it("shows all panels of an instant, to every reader of the link", async () => {
    const { url } = await ring({ members: 16, churn: 0, lookups: 20 });
    const page = await show(`${url}?tab=members`);
    await ready(page);
    await page.locator(".track:not([aria-disabled=true])").waitFor();
    await page.waitForFunction(() => Number(document.querySelector(".track")?.getAttribute("aria-valuemax")) >= 2);
    // A click anywhere on a member's row selects the member.
    await page.locator(".table-row").nth(6).getByRole("cell").nth(3).click();
    const panel = page.getByTestId("member-panel");
    await panel.getByRole("heading", { name: "Fingers" }).waitFor();
    const facts = await panel.locator("dl").innerText();
    const fingers = await panel.locator(".fingers").innerText();
    // The member's neighbours crash. At an instant before, the member's pointers must be the old ones.
    const successors = await panel.locator(".chips .id-link").allInnerTexts();
    const ids = await page.locator(".table-row .id-link").allInnerTexts();
    for (const id of [successors[0], ids[5]]) {
      await page.locator(".table-row", { hasText: id }).click();
      await panel.getByRole("heading", { level: 2 }).getByText(id).waitFor();
      await panel.getByRole("button", { name: "Crash" }).click();
      await page.locator(".table-row", { hasText: id }).getByText("failed").waitFor();
    }
    await page.locator(".table-row").nth(6).click();
    await panel.getByRole("heading", { level: 2 }).getByText(ids[6]).waitFor();
    await page.waitForFunction((then) => document.querySelector(".fingers")?.textContent !== then, fingers);
    // Steps back by event: to the second crash, to the first, and to an event before both.
    await page.locator("body").press(",");
    await page.getByTestId("link").getByText("Showing").waitFor();
    await page.locator(".legend li", { hasText: "2 failed" }).waitFor();
    await page.locator("body").press(",");
    await page.locator(".legend li", { hasText: "1 failed" }).waitFor();
    expect(await page.getByTestId("state").innerText()).toMatch(/lost contact with/);
    await page.locator("body").press(".");
    await page.locator(".legend li", { hasText: "2 failed" }).waitFor();
    // The page updates its address after a delay.
    await page.waitForURL(/t=/);
    const before = page.url();
    await page.locator(".track").click({ position: { x: 20, y: 10 } });
    await page.locator(".legend li", { hasText: "failed" }).waitFor({ state: "detached" });
    await page.waitForURL((url) => url.href !== before);

    const other = await show(page.url());
    for (const past of [page, other]) {
      const then = past.getByTestId("member-panel");
      await then.getByRole("heading", { name: "Fingers" }).waitFor();
      expect(await then.locator(".fingers").innerText()).toBe(fingers);
      expect(await then.locator(".chips .id-link").allInnerTexts()).toEqual(successors);
      expect((await then.locator("dl").innerText()).replace(/Last event.*/s, "")).toBe(
        facts.replace(/Last event.*/s, ""),
      );
      await past.locator(".label-note", { hasText: "predecessor" }).waitFor({ state: "attached" }); // fails if there are several
      // No tab lists anything that happened after the instant shown.
      await past.getByRole("tab", { name: "Events" }).click();
      expect(
        await past
          .getByTestId("feed")
          .getByText(/lost contact/)
          .count(),
      ).toBe(0);
      const at = Date.parse(new URL(past.url()).searchParams.get("t") ?? "");
      await past.getByRole("tab", { name: "Lookups" }).click();
      await past.locator(".lookup-row").nth(3).waitFor();
      const times = await past.locator(".lookup-row [role=cell]:nth-child(2)").allInnerTexts();
      expect(times.length).toBeGreaterThan(3);
      const day = new Date(at);
      for (const time of times) {
        const [h, m, sec] = time.split(":").map(Number);
        expect(new Date(day).setHours(h, m, sec, 0)).toBeLessThanOrEqual(at);
      }
      await past.getByRole("tab", { name: "Charts" }).click();
      await past.getByRole("figure", { name: /^Members/ }).waitFor();
      await past.getByText("delay not recorded").waitFor();
    }
  });

  it("shows an instant before the selected member joined, with a note", async () => {
    const { url } = await ring({ members: 10, churn: 0 });
    const page = await show(`${url}?tab=members`);
    await ready(page);
    await page.locator(".track:not([aria-disabled=true])").waitFor();
    await page.waitForFunction(() => Number(document.querySelector(".track")?.getAttribute("aria-valuemax")) >= 2);
    const answer = await fetch(`${url}api/nodes`, { method: "POST", body: '{"count": 1}' });
    const { ids } = (await answer.json()) as { ids: string[] };
    await page.locator(".table-row", { hasText: ids[0].slice(0, 8) }).click();
    await page.getByTestId("member-panel").getByText(ids[0].slice(0, 12)).first().waitFor();
    await page.locator(".track").click({ position: { x: 30, y: 10 } });
    await page.locator("[data-testid=ring][data-members='10']").waitFor();
    await page.getByTestId("member-panel").getByText("No such member at this instant.").waitFor();
  });

  it("shows why an instant cannot be shown", async () => {
    const { url } = await ring({ members: 10, churn: 0 });
    const page = await show(`${url}?t=2020-01-01T00:00:00Z`);
    await page
      .getByTestId("link")
      .getByText(/no history is kept of that instant/)
      .waitFor();
    await page.getByTestId("link").getByRole("button", { name: "Back to live" }).click();
    await page.getByText("Live", { exact: true }).waitFor();
  });
});

describe("control", () => {
  it("partitions an arc that is drawn on the ring, and heals", async () => {
    const { url } = await ring({ members: 40, churn: 0 });
    const page = await show(`${url}?tab=control`);
    await ready(page);
    await page.getByRole("button", { name: "Draw an arc" }).click();
    const box = await page.getByTestId("ring").boundingBox();
    if (!box) throw new Error("the ring has no box");
    const at = (turn: number): [number, number] => [
      box.x + box.width / 2 + 250 * Math.sin(turn * 2 * Math.PI),
      box.y + box.height / 2 - 250 * Math.cos(turn * 2 * Math.PI),
    ];
    await page.mouse.move(...at(0.9));
    await page.mouse.down();
    for (const turn of [0.95, 0.0, 0.05, 0.1]) await page.mouse.move(...at(turn), { steps: 3 });
    await page.mouse.up();
    const partition = page.getByRole("button", { name: /^Partition \d+ members?$/ });
    await partition.waitFor();
    const count = Number((await partition.innerText()).match(/\d+/)?.[0]);
    expect(count).toBeGreaterThan(1);
    expect(count).toBeLessThan(20);
    await partition.click();
    await page.getByText(`${count} members partitioned now.`).waitFor();
    await page.getByRole("button", { name: "Heal" }).click();
    await page.getByText(/partitioned now/).waitFor({ state: "detached" });
  });

  it("checks a scenario as it is typed, starts it and opens its report", async () => {
    const { url } = await ring({ members: 9, churn: 0 });
    const page = await show(`${url}?tab=control`);
    await ready(page);
    await page.getByRole("combobox", { name: "Scenario" }).selectOption("first-ring");
    await page.getByText("Valid.").waitFor();
    const yaml = page.getByLabel(/YAML/);
    await page.getByRole("textbox", { name: "Seed" }).fill("99");
    expect(await yaml.inputValue()).toContain("seed: 99");
    await page.getByLabel("Add a phase").selectOption("adjacent crash");
    await page.getByLabel("Phase 1: when").fill("15s");
    expect(await yaml.inputValue()).toContain("\nphases:\n  - {at: 15s, crash: 2, adjacent: true}\n");
    await page.getByText("Timing and network").click();
    await page.getByLabel("Latency distribution").selectOption("exponential");
    expect(await yaml.inputValue()).toContain("network: {spread: exponential}");
    await yaml.fill((await yaml.inputValue()).replace("at: 15s", "at: 25s"));
    expect(await page.getByLabel("Phase 1: when").inputValue()).toBe("25s");
    await page.getByRole("button", { name: "Remove phase 1" }).click();
    expect(await yaml.inputValue()).not.toContain("phases");
    await yaml.fill(`${await yaml.inputValue()}bogus: 1\n`);
    await page.getByText(/Line 8: bogus: unknown field/).waitFor();
    await page.getByRole("textbox", { name: "Seed" }).fill("none");
    await page.getByText(/Line 2: seed: expected a whole number/).waitFor();
    expect(await page.getByRole("textbox", { name: "Seed" }).getAttribute("aria-invalid")).toBe("true");
    expect(await page.getByRole("button", { name: "Start" }).isDisabled()).toBe(true);
    await yaml.fill("seed: 1\n");
    await page.getByText("Valid.").waitFor();
    await page.getByRole("button", { name: "Start" }).click();
    await page
      .getByTestId("progress")
      .getByText(/running/)
      .waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    const report = page.context().waitForEvent("page");
    await page.getByRole("button", { name: "Open the report" }).click();
    await (await report).getByRole("heading", { name: "Report" }).waitFor();
  });

  it("puts, gets and deletes a key, and reports a missing one", async () => {
    const { url } = await ring({ members: 9, churn: 0 });
    const page = await show(`${url}?tab=control`);
    await ready(page);
    const keys = page.getByRole("region", { name: "Keys" });
    await keys.getByLabel("Key", { exact: true }).fill("tide/1 é");
    await keys.getByLabel("Value").fill("high");
    await keys.getByRole("button", { name: "Put" }).click();
    await keys.getByText("Stored on 3 replicas.").waitFor();
    await keys.getByRole("button", { name: "Get" }).click();
    await keys.getByText("high").waitFor();
    await keys.getByRole("button", { name: "Delete" }).click();
    await keys.getByText("Deleted.").waitFor();
    await keys.getByRole("button", { name: "Get" }).click();
    await keys.getByRole("alert").getByText("no key tide/1 é").waitFor();
  });
});

describe("first visit", () => {
  it("shows a tour of three steps that can be skipped and does not come back", async () => {
    const { url } = await ring({ members: 9, churn: 0 });
    const page = await show(url, { tour: true });
    const tour = page.getByTestId("tour");
    await tour.getByText("Is the ring ideal?").waitFor();
    await tour.getByRole("button", { name: "Next" }).click();
    await tour.getByText("2 of 3").waitFor();
    await tour.getByRole("button", { name: "Skip" }).click();
    await tour.waitFor({ state: "detached" });
    await page.reload();
    await ready(page);
    expect(await tour.count()).toBe(0);
  });

  it("leaves the page its keys; Escape ends the tour, and the keyboard's map starts it again", async () => {
    const { url } = await ring({ members: 9, churn: 0 });
    const page = await show(url, { tour: true });
    const tour = page.getByTestId("tour");
    await ready(page);
    const restart = async () => {
      await page.locator("body").press("?");
      await page.getByRole("button", { name: "Show the tour" }).click();
      await tour.getByText("Is the ring ideal?").waitFor();
    };
    for (const begin of [() => tour.waitFor(), restart]) {
      await begin();
      await page.locator("body").press("ArrowRight");
      await page
        .getByTestId("cursor")
        .getByText(/, active/)
        .waitFor();
      await page.keyboard.press("Escape");
      await tour.waitFor({ state: "detached" });
      await page
        .getByTestId("cursor")
        .getByText(/, active/)
        .waitFor(); // Escape has undone only one thing
      await page.keyboard.press("Escape");
    }
    await page.reload();
    await ready(page);
    expect(await tour.count()).toBe(0);
  });
});
