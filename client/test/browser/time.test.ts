import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { FakeOptions } from "../../dev/plugin";
import { ready, rig, until } from "./rig";

// These tests press the buttons below the picture, which control the history or the replay of a recording.

const { serve, show: visit } = rig();

/** show opens the page of a new ring, and waits until there is a short history. */
async function show(options: FakeOptions): Promise<Page> {
  const page = await visit((await serve(options)).url);
  await ready(page);
  await remembered(page, 2);
  return page;
}

/** remembered waits until the history has the given length in seconds. */
const remembered = (page: Page, seconds: number) =>
  until(page, (s) => Number(document.querySelector(".track")?.getAttribute("aria-valuemax")) >= s, seconds);

const button = (page: Page, name: string) => page.getByTestId("timeline").getByRole("button", { name });
const failed = (page: Page, n: number) => page.locator(".legend li", { hasText: `${n} failed` }).waitFor();
/** at returns the instant shown, in seconds from the track's start. */
const at = async (page: Page) => Number(await page.locator(".track").getAttribute("aria-valuenow"));

/** crash crashes an active member with the page's controls. */
async function crash(page: Page, n: number): Promise<void> {
  await page.getByRole("tab", { name: "Members" }).click();
  await page.locator(".table-row", { hasText: "active" }).first().click();
  await page.getByRole("button", { name: "Crash" }).click();
  await failed(page, n);
  // Wait until both neighbours have reported the crash.
  await page.getByRole("tab", { name: "Events" }).click();
  await page
    .locator("[data-testid=feed] [data-warning]")
    .nth(2 * n - 1)
    .waitFor();
}

describe("the history's buttons", () => {
  it("step from cause to cause, though several members report each, and go back to live", async () => {
    const page = await show({ members: 14, churn: 0, lookups: 5 });
    await crash(page, 1);
    await crash(page, 2);
    await button(page, "Previous event").click();
    await page.getByTestId("link").getByText("Showing").waitFor();
    await failed(page, 2);
    const second = await at(page);
    await button(page, "Previous event").click();
    await failed(page, 1);
    await button(page, "Next event").click();
    await failed(page, 2);
    expect(Math.abs((await at(page)) - second)).toBeLessThanOrEqual(1);
    // There is no later event.
    await button(page, "Next event").click();
    await page.getByText("Live", { exact: true }).waitFor();
    await button(page, "Previous event").click();
    await page.getByTestId("timeline").getByRole("button", { name: "Back to live" }).click();
    await page.getByText("Live", { exact: true }).waitFor();
  });

  it("play from an instant at the chosen speed, pause, and reach the present", async () => {
    const page = await show({ members: 12, churn: 0, lookups: 20 });
    await remembered(page, 5);
    const box = await page.locator(".track").boundingBox();
    await page.locator(".track").click({ position: { x: (box?.width ?? 0) / 20, y: 10 } });
    await page.getByTestId("link").getByText("Showing").waitFor();
    await page.getByLabel("Speed").selectOption("0.1");
    await button(page, "Play from here").click();
    // The recorded lookups of that time move again.
    await page.locator("[data-testid=ring][data-motion=moving]").waitFor();
    await button(page, "Pause playback").click();
    await button(page, "Play from here").waitFor();
    const shown = await page.locator(".timeline-now .num").innerText();
    await remembered(page, 7);
    expect(await page.locator(".timeline-now .num").innerText()).toBe(shown);
    await button(page, "Play from here").click();
    await page.getByLabel("Speed").selectOption("100");
    await page.getByText("Live", { exact: true }).waitFor();
    expect(await button(page, "Pause playback").count()).toBe(0);
  });

  it("pause the view, and go back to live", async () => {
    const page = await show({ members: 12, churn: 0, lookups: 5 });
    await page.getByRole("button", { name: "Pause the view" }).click();
    await page.getByTestId("link").getByText("Paused").waitFor();
    await page.getByTestId("link").getByRole("button", { name: "Back to live" }).click();
    await page.getByRole("button", { name: "Pause the view" }).waitFor();
  });
});

describe("a replay's buttons", () => {
  it("pause the recording, play its next event, change its speed, and show its past", async () => {
    const page = await show({ members: 12, churn: 2, lookups: 5, replay: true });
    const now = page.locator(".timeline-now");
    await now.getByText("Replay", { exact: true }).waitFor();
    await button(page, "Pause playback").click();
    await now.getByText("Replay, paused").waitFor();
    const rows = page.getByTestId("feed").locator("li");
    const last = await rows.last().textContent();
    await button(page, "Next event").click();
    await until(page, (then) => document.querySelector("[data-testid=feed] li:last-child")?.textContent !== then, last);
    await page.getByLabel("Speed").selectOption("10");
    await button(page, "Play from here").click();
    await now.getByText("Replay", { exact: true }).waitFor();
    expect(await page.getByLabel("Speed").inputValue()).toBe("10");
    await button(page, "Pause playback").click();
    await now.getByText("Replay, paused").waitFor();
    await button(page, "Previous event").click();
    await page.getByTestId("link").getByText("Showing").waitFor();
    await now.getByRole("button", { name: "Back to the replay" }).click();
    await now.getByText("Replay, paused").waitFor();
  });
});
