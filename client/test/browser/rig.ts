import { execFileSync } from "node:child_process";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { type PreviewServer, preview } from "vite";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { type FakeOptions, fakeConductor } from "../../dev/plugin";

/** The built page, on a server that stands in for the conductor, in a real Chromium. */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The headers that the conductor sends with the page (package web); the page must work with them. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
  "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export interface Served {
  url: string;
  close(): Promise<void>;
}

export async function serve(options: FakeOptions, port = 0): Promise<Served> {
  const server: PreviewServer = await preview({
    root: ROOT,
    configFile: false,
    logLevel: "warn",
    preview: { port, host: "127.0.0.1", strictPort: true, headers: { "Content-Security-Policy": CSP } },
    plugins: [fakeConductor(options)],
  });
  const address = server.httpServer.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: async () => {
      await server.close();
    },
  };
}

export async function launch(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? execFileSync("which", ["chromium"]).toString().trim();
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export interface Visit {
  width?: number;
  height?: number;
  scheme?: "light" | "dark";
  calm?: boolean;
  tour?: boolean;
  mayComplain?: RegExp; // errors of the page that are allowed; any other fails the Rig's test
}

/** visit opens the page in a new browser context, and collects the page's errors and warnings. */
export async function visit(
  browser: Browser,
  url: string,
  how: Visit = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({
    viewport: { width: how.width ?? 1440, height: how.height ?? 900 },
    colorScheme: how.scheme ?? "light",
    reducedMotion: how.calm ? "reduce" : "no-preference",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints: string[] = [];
  page.on("pageerror", (err) => complaints.push(err.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  if (!how.tour) await page.addInitScript(() => localStorage.setItem("chord.tour", "1"));
  await page.goto(url);
  return { page, complaints };
}

/** A Rig has the browser and the servers of a file's tests. What a test opens is closed after the test, last first. */
export interface Rig {
  /** The server with the ring that the file's tests share; valid while they run. */
  readonly shared: Served;
  serve(options: FakeOptions, port?: number): Promise<Served>;
  show(url: string, how?: Visit): Promise<Page>;
}

/** rig starts what the tests of a file need: a browser and, if options are given, a ring that the tests share. */
export function rig(options?: FakeOptions): Rig {
  let browser: Browser | undefined;
  let shared: Served | undefined;
  const open: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    browser = await launch();
    if (options) shared = await serve(options);
  });
  afterAll(async () => {
    await browser?.close();
    await shared?.close();
  });
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });
  return {
    get shared() {
      return shared as Served;
    },
    async serve(options, port) {
      const served = await serve(options, port);
      open.push(served.close);
      return served;
    },
    async show(url, how = {}) {
      const { page, complaints } = await visit(browser as Browser, url, how);
      open.push(async () => {
        await page.context().close();
        expect(complaints.filter((text) => !how.mayComplain?.test(text))).toEqual([]);
      });
      return page;
    },
  };
}

/** ready waits for the first picture, and for the panels, which are rendered after it. */
export async function ready(page: Page): Promise<void> {
  await page.locator("[data-testid=ring][data-drawn]:not([data-members='0'])").waitFor();
  await page.locator("[data-testid=state]:not([data-state=waiting], [data-state=empty])").waitFor();
}

/** members returns the number of members that the canvas draws, from the attribute that the stage writes. */
export async function members(page: Page): Promise<number> {
  return Number(await page.getByTestId("ring").getAttribute("data-members"));
}

/** until waits for a condition on the page, which the browser itself polls. */
export async function until<T>(page: Page, condition: (arg: T) => boolean, arg: T): Promise<void> {
  await page.waitForFunction(condition as never, arg as never, { timeout: 15_000 });
}
