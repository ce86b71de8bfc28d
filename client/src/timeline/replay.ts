import { create } from "zustand";
import { useRing } from "../shared/ring";
import { notify } from "../shared/ui";
import { callJson, messageOf } from "../transport/api";

/** Replay is the state of the recording that the conductor plays, from /api/replay. */
export interface Replay {
  speed: number;
  paused: boolean;
  ended: boolean;
  /** Why the replay ends before the end of its file. */
  damage?: string;
}

/** replay is null if the conductor plays no recording, or its state has not been received. */
export const useReplay = create<{ replay: Replay | null }>(() => ({ replay: null }));

async function ask(path: string, request?: { method: "PUT" | "POST"; json: unknown }): Promise<void> {
  try {
    useReplay.setState({ replay: await callJson<Replay>(path, request) });
  } catch (err) {
    notify("failed", messageOf(err));
  }
}

/** loadReplay fetches the replay's state, if there is a replay and this page may command it. */
export function loadReplay(): void {
  const { replay, viewOnly } = useRing.getState().settings;
  if (replay && !viewOnly) void ask("/api/replay");
  else useReplay.setState({ replay: null });
}

export const setReplay = (change: Partial<Pick<Replay, "speed" | "paused">>) =>
  ask("/api/replay", { method: "PUT", json: change });

/** stepReplay plays the next event. */
export const stepReplay = () => ask("/api/replay/step", { method: "POST", json: {} });

/** holdReplay pauses or resumes the replay; it returns false unless the page shows the newest instant of a replay. */
export function holdReplay(): boolean {
  const { replay } = useReplay.getState();
  if (!replay || useRing.getState().view.mode !== "live") return false;
  void setReplay({ paused: !replay.paused });
  return true;
}
