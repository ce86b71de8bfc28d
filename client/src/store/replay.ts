import { create } from "zustand";
import { callJson, messageOf } from "../wire/api";
import { useRing } from "./ring";
import { notify } from "./ui";

/** Replay is how the recording stands that the conductor plays, as /api/replay tells it. */
export interface Replay {
  speed: number;
  paused: boolean;
  ended: boolean;
  /** Why it ends before its file does. */
  damage?: string;
}

/** Null: what is shown is no recording, or nothing is known of it yet. */
export const useReplay = create<{ replay: Replay | null }>(() => ({ replay: null }));

async function ask(path: string, request?: { method: "PUT" | "POST"; json: unknown }): Promise<void> {
  try {
    useReplay.setState({ replay: await callJson<Replay>(path, request) });
  } catch (err) {
    notify("failed", messageOf(err));
  }
}

/** learnReplay asks how the replay stands, if there is one that this page may command. */
export function learnReplay(): void {
  const { replay, viewOnly } = useRing.getState().settings;
  if (replay && !viewOnly) void ask("/api/replay");
  else useReplay.setState({ replay: null });
}

export const setReplay = (change: Partial<Pick<Replay, "speed" | "paused">>) =>
  ask("/api/replay", { method: "PUT", json: change });

/** stepReplay plays the next event. */
export const stepReplay = () => ask("/api/replay/step", { method: "POST", json: {} });

/** holdReplay pauses the replay or lets it go on, and says whether there is one at whose front we are. */
export function holdReplay(): boolean {
  const { replay } = useReplay.getState();
  if (!replay || useRing.getState().view.mode !== "live") return false;
  void setReplay({ paused: !replay.paused });
  return true;
}
