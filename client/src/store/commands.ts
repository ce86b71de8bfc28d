import { apiId, shortId } from "../model/id";
import { plural } from "../model/words";
import { callJson, messageOf } from "../wire/api";
import { useRing } from "./ring";
import { notify } from "./ui";

/** Commands go to the conductor over HTTP; what they did shows in the picture, as telemetry tells it. */

const bits = () => useRing.getState().shown.ring.bits;

/** attempt runs a command and says how it went; the result is undefined if it failed. */
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
    ({ ids }) => `${plural(ids?.length ?? count, "member")} on the way into the ring.`,
    () => callJson("/api/nodes", { method: "POST", json: { count } }),
  );

export const leave = (hex: string) =>
  attempt<Accepted>(`${shortId(hex, bits())} was asked to leave.`, () =>
    callJson(`/api/nodes/${apiId(hex, bits())}/leave`, { method: "POST" }),
  );

export const crash = (hex: string) =>
  attempt<Accepted>(`${shortId(hex, bits())} was crashed. Its neighbours will find out.`, () =>
    callJson(`/api/nodes/${apiId(hex, bits())}/crash`, { method: "POST" }),
  );

export const pauseMember = (hex: string, time: string) =>
  attempt<Accepted>(`${shortId(hex, bits())} is deaf and mute for ${time}.`, () =>
    callJson(`/api/nodes/${apiId(hex, bits())}/pause`, { method: "POST", json: { for: time } }),
  );

export const cutOff = (hexes: string[]) =>
  attempt<Accepted>(`${plural(hexes.length, "member")} cut off from the rest, until you heal the ring.`, () =>
    callJson("/api/partitions", { method: "POST", json: { groups: [hexes.map((hex) => apiId(hex, bits()))] } }),
  );

export const heal = () =>
  attempt<Accepted>("Healed: everybody can reach everybody again.", () =>
    callJson("/api/partitions", { method: "DELETE" }),
  );
