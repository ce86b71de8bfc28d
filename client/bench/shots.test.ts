import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, it } from "vitest";
import { launch, ready, serve, visit } from "../test/browser/rig";

// Takes screenshots of the page with rings of four sizes, for docs/ and for review: `npm run
// shots`.

const DOCS = fileURLToPath(new URL("../../docs/pages/", import.meta.url));

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

it.each([
  { members: 8, scheme: "light", tab: "lookups" },
  { members: 32, scheme: "dark", tab: "events" },
  { members: 1000, scheme: "light", tab: "charts" },
  { members: 10_000, scheme: "dark", tab: "members" },
] as const)("$members members, $scheme", async ({ members, scheme, tab }) => {
  const ring = await serve({ members, churn: members > 8 ? 0.4 : 0, lookups: 20 });
  const { page } = await visit(browser, `${ring.url}?tab=${tab}`, { scheme });
  await ready(page);
  await page.locator("[data-testid=ring][data-motion=moving]").waitFor();
  if (members === 8) {
    await page.getByTestId("find").getByLabel("Key").fill("tide");
    await page.getByTestId("find").getByRole("button", { name: "Find" }).click();
    await page.getByTestId("lookup-card").waitFor();
  }
  if (members === 32) {
    await page.locator("body").press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Successor list" }).waitFor();
    await page.locator("[data-testid=feed] li").nth(4).waitFor();
  }
  await page.waitForFunction(() => Number(document.querySelector(".track")?.getAttribute("aria-valuemax")) >= 4);
  await page.screenshot({ path: `${DOCS}ring-${members}.png` });
  await page.context().close();
  await ring.close();
});
