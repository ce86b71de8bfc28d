import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useRing } from "../shared/ring";
import { SettingsSchema } from "../wire/hub_pb";
import { step } from "./past";
import { holdReplay, loadReplay, setReplay, useReplay } from "./replay";

const asked: string[] = [];
let state = { speed: 1, paused: false, ended: false };

beforeEach(() => {
  asked.length = 0;
  state = { speed: 1, paused: false, ended: false };
  vi.stubGlobal("fetch", async (path: string, request: RequestInit) => {
    asked.push(`${request.method} ${path} ${request.body ?? ""}`.trim());
    if (request.method === "PUT") state = { ...state, ...JSON.parse(String(request.body)) };
    return new Response(JSON.stringify(state));
  });
});
afterEach(() => {
  useRing.setState({ settings: create(SettingsSchema), view: { mode: "live" } });
  loadReplay();
  vi.unstubAllGlobals();
});

async function replayed(): Promise<void> {
  useRing.setState({ settings: create(SettingsSchema, { replay: true }) });
  loadReplay();
  await vi.waitFor(() => expect(useReplay.getState().replay).toEqual(state));
}

it("requests no replay where none is played", () => {
  loadReplay();
  expect(holdReplay()).toBe(false);
  expect(asked).toEqual([]);
});

it("sends no command to a replay that it may only view", () => {
  useRing.setState({ settings: create(SettingsSchema, { replay: true, viewOnly: true }) });
  loadReplay();
  expect(holdReplay()).toBe(false);
  expect(asked).toEqual([]);
});

it("pauses and resumes a replay, and changes its speed", async () => {
  await replayed();
  expect(holdReplay()).toBe(true);
  await vi.waitFor(() => expect(useReplay.getState().replay?.paused).toBe(true));
  await setReplay({ speed: 20 });
  expect(useReplay.getState().replay).toEqual({ speed: 20, paused: true, ended: false });
  expect(asked).toEqual(["GET api/replay", 'PUT api/replay {"paused":true}', 'PUT api/replay {"speed":20}']);
});

it("steps to the next event at the front, and leaves the past to the history", async () => {
  await replayed();
  step(1);
  await vi.waitFor(() => expect(asked).toContain("POST api/replay/step {}"));
  useRing.setState({ view: { mode: "past", at: 1, playing: 0, loading: false, error: "" } });
  expect(holdReplay()).toBe(false);
});
