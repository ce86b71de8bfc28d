import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, ready, until, visit } from "../browser/rig";

// The built conductor with its demo ring, and its own page in a real browser: `make build`, then `npm run test:real`.

const BINARY = process.env.CONDUCTOR_BINARY ?? fileURLToPath(new URL("../../../bin/conductor", import.meta.url));

let browser: Browser;
let conductor: ChildProcess;
let printed = "";
let url = "";

/** free finds a port that nobody listens on now. */
async function free(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

beforeAll(async () => {
  const [http, grpc, otlp] = [await free(), await free(), await free()];
  url = `http://127.0.0.1:${http}/`;
  conductor = spawn(BINARY, [
    `--http=127.0.0.1:${http}`,
    `--otlp-grpc=127.0.0.1:${grpc}`,
    `--otlp-http=127.0.0.1:${otlp}`,
  ]);
  conductor.stdout?.on("data", (text) => (printed += text));
  conductor.stderr?.on("data", (text) => (printed += text));
  browser = await launch();
  for (const end = Date.now() + 20_000; ; ) {
    if (conductor.exitCode !== null) throw new Error(`the conductor ended:\n${printed}`);
    const answer = await fetch(`${url}healthz`).catch(() => undefined);
    if (answer?.ok) break;
    if (Date.now() > end) throw new Error(`the conductor does not answer:\n${printed}`);
  }
});

afterAll(async () => {
  await browser?.close();
  if (conductor?.exitCode === null) {
    conductor.kill("SIGINT");
    await once(conductor, "exit");
  }
});

/** figure waits until a figure of the header reads as it should. */
async function figure(page: Page, testid: string, text: string): Promise<void> {
  await page.waitForFunction(
    ([id, want]) => document.querySelector(`[data-testid=${id}]`)?.textContent === want,
    [testid, text],
    { timeout: 40_000 },
  );
}

/** state waits for the state line's word. */
async function state(page: Page, word: string): Promise<void> {
  await page.locator(`[data-testid=state][data-state=${word}]`).waitFor({ timeout: 40_000 });
}

describe("the page of a real conductor", () => {
  let page: Page;
  let complaints: string[];

  it("shows the demo ring come together, from its first members to ideal", async () => {
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

  it("shows a member that a click crashed go, told by its neighbours, and the ring repaired", async () => {
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
  });

  it("shows a member that a click told to leave go by its own word", async () => {
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
