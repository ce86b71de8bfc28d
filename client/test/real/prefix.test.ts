import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, ready, visit } from "../browser/rig";
import { type Running, start } from "./program";
import { proxy } from "./proxy";

// Tests of the built conductor's page below a prefix, behind a proxy that strips the prefix and one that does not.

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

describe.each([
  ["strips its prefix", true, []],
  ["leaves its prefix on", false, ["--base-path=/team-a/chord"]],
])("behind a proxy that %s", (_, strip, args) => {
  let conductor: Running;
  let front: Awaited<ReturnType<typeof proxy>>;
  beforeAll(async () => {
    conductor = await start(...args);
    front = await proxy(conductor.url, "/team-a/chord", strip);
  });
  afterAll(async () => {
    await front?.close();
    await conductor?.close();
  });

  it("shows the ring live, commands it, looks back, and asks for nothing beside the prefix", async () => {
    const { page, complaints } = await visit(browser, `${front.url}/team-a/chord/?tab=control`);
    await ready(page);
    const members = (n: number) =>
      page.waitForFunction((want) => document.querySelector("[data-testid=members]")?.textContent === want, String(n), {
        timeout: 40_000,
      });
    await members(32);
    await page.getByTestId("add-members").click();
    await members(33);
    await page.getByRole("tab", { name: "Events" }).click();
    await page.getByTestId("feed").locator("li").first().waitFor();
    await page.locator("body").press(",");
    await page.waitForURL(/\/team-a\/chord\/\?.*t=/);
    const again = await visit(browser, page.url());
    await ready(again.page);
    expect(new URL(again.page.url()).pathname).toBe("/team-a/chord/");
    expect([...complaints, ...again.complaints]).toEqual([]);
    expect(front.strays).toEqual([]);
    await again.page.context().close();
    await page.context().close();
  });

  it("answers health at the root and below the prefix", async () => {
    for (const path of ["healthz", "readyz"]) {
      expect((await fetch(`${conductor.url}${path}`)).status).toBe(200);
      expect((await fetch(`${front.url}/team-a/chord/${path}`)).status).toBe(200);
    }
  });
});
