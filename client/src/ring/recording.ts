import type { Layers } from "./canvas2d";
import type { Context, Palette } from "./renderer";

/** One call of a drawing context, with the styles at that time. */
export interface Call {
  name: string;
  args: unknown[];
  stroke: string;
  fill: string;
  alpha: number;
  dash: number[];
}

/** Recorder is a drawing context that records its calls. */
export class Recorder {
  calls: Call[] = [];
  readonly context: Context;

  constructor() {
    const state: Record<string, unknown> = { strokeStyle: "", fillStyle: "", globalAlpha: 1 };
    let dash: number[] = [];
    this.context = new Proxy(state, {
      get: (_target, name: string) => {
        if (name in state) return state[name];
        if (name === "measureText") return (text: string) => ({ width: text.length * 6 });
        return (...args: unknown[]) => {
          if (name === "setLineDash") dash = args[0] as number[];
          this.calls.push({
            name,
            args,
            stroke: String(state.strokeStyle),
            fill: String(state.fillStyle),
            alpha: Number(state.globalAlpha),
            dash,
          });
        };
      },
      set: (_target, name: string, value) => {
        state[name] = value;
        return true;
      },
    }) as unknown as Context;
  }

  of(name: string): Call[] {
    return this.calls.filter((call) => call.name === name);
  }

  clear(): void {
    this.calls = [];
  }
}

export function recordingLayers(): { layers: Layers; ring: Recorder; selection: Recorder; motion: Recorder } {
  const [ring, selection, motion] = [new Recorder(), new Recorder(), new Recorder()];
  return {
    ring,
    selection,
    motion,
    layers: { ring: ring.context, selection: selection.context, motion: motion.context, resize() {} },
  };
}

/** A palette in which each colour is its own name, so that a recorded call shows which one was used. */
export const NAMES: Palette = {
  paper: "paper",
  ink: "ink",
  soft: "soft",
  faint: "faint",
  line: "line",
  band: "band",
  bandAlt: "bandAlt",
  bar: "bar",
  accent: "accent",
  good: "good",
  busy: "busy",
  bad: "bad",
  info: "info",
};
