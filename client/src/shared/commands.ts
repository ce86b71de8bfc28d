import { apiId, shortId } from "../model/id";
import { plural } from "../model/words";
import { callJson, messageOf } from "../transport/api";
import { useRing } from "./ring";
import { notify } from "./ui";

/** The page sends commands to the conductor over HTTP. It learns of their effects through telemetry only. */

const bits = () => useRing.getState().shown.ring.bits;

/** attempt runs a command and shows its result as a notice; it returns undefined if the command failed. */
export async function attempt<T>(
  done: string | ((result: T) => string),
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    const result = await work();
    notify("done", typeof done === "string" ? done : done(result));
    return result;
  } catch (err) {
    notify("failed", messageOf(err));
    return undefined;
  }
}

interface Accepted {
  ids: string[];
}

export const addMembers = (count: number) =>
  attempt<Accepted>(
    ({ ids }) => `${plural(ids?.length ?? count, "member")} started and joining the ring.`,
    () => callJson("/api/nodes", { method: "POST", json: { count } }),
  );

export const leave = (hex: string) =>
  attempt<Accepted>(`${shortId(hex, bits())} is leaving.`, () =>
    callJson(`/api/nodes/${apiId(hex, bits())}/leave`, { method: "POST" }),
  );

export const crash = (hex: string) =>
  attempt<Accepted>(`${shortId(hex, bits())} was crashed. Its neighbours will detect the failure.`, () =>
    callJson(`/api/nodes/${apiId(hex, bits())}/crash`, { method: "POST" }),
  );

export const pauseMember = (hex: string, time: string) =>
  attempt<Accepted>(`${shortId(hex, bits())} drops all traffic for ${time}.`, () =>
    callJson(`/api/nodes/${apiId(hex, bits())}/pause`, { method: "POST", json: { for: time } }),
  );

export const partition = (hexes: string[]) =>
  attempt<Accepted>(`${plural(hexes.length, "member")} partitioned from the rest until the ring is healed.`, () =>
    callJson("/api/partitions", { method: "POST", json: { groups: [hexes.map((hex) => apiId(hex, bits()))] } }),
  );

export const heal = () =>
  attempt<Accepted>("Healed: all members can reach each other.", () =>
    callJson("/api/partitions", { method: "DELETE" }),
  );
