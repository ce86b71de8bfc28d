import { useEffect, useRef, useState } from "react";
import { clock, duration, plural } from "../model/words";
import { Icon } from "../shared/Icon";
import { useRing } from "../shared/ring";
import { useThemeSerial } from "../shared/useTheme";
import type { HistoryDamage } from "../wire/hub_pb";
import { play, returnToLive, seek, step } from "./past";
import { setReplay, useReplay } from "./replay";
import { drawTrack } from "./track";

const SPEEDS = [0.1, 0.5, 1, 2, 5, 10, 50, 100];
/** The span that the track shows if the conductor keeps no history, in milliseconds, of what the page has received. */
const MEMORY = 10 * 60_000;

/** Timeline shows the instant shown and past events on a track, and has the buttons that change the instant. */
export function Timeline() {
  const view = useRing((s) => s.view);
  // The track moves once a second: nothing on it needs a finer resolution.
  const second = useRing((s) => Math.floor(Number(s.live.ring.timeMs) / 1000));
  const { live } = useRing.getState();
  const [chosen, setChosen] = useState(1);
  // While the page shows the newest instant of a replay, the buttons control the replay; otherwise, the history.
  const replay = useReplay((s) => s.replay);
  const front = view.mode === "live" ? replay : null;
  const speed = front ? front.speed : chosen;
  const history = Number(live.ring.historyFromMs);
  const to = second * 1000;
  const memory = Number(live.samples[0]?.timeMs ?? 0n);
  const from = history > 0 ? Math.max(history, to - 3_600_000) : Math.max(memory, to - MEMORY);
  const at = view.mode === "live" ? to : view.at;
  const can = history > 0;
  const damage = live.ring.historyDamage;
  const playing = front ? !front.paused && !front.ended : view.mode === "past" && view.playing !== 0;
  if (second === 0) return null;
  return (
    <footer className="timeline" data-mode={view.mode} data-testid="timeline">
      <div className="timeline-buttons">
        <Button name="back" label="Previous event" disabled={!can} onClick={() => void step(-1)} />
        <Button
          name={playing ? "pause" : "play"}
          label={playing ? "Pause playback" : "Play from here"}
          disabled={!can || front?.ended === true}
          onClick={() => (front ? void setReplay({ paused: playing }) : play(playing ? 0 : speed))}
        />
        <Button
          name="forward"
          label="Next event"
          disabled={!can || (view.mode === "live" && (!front || front.ended))}
          onClick={() => void step(1)}
        />
        <select
          aria-label="Speed"
          value={speed}
          disabled={!can}
          onChange={(e) => {
            const next = Number(e.target.value);
            if (front) void setReplay({ speed: next });
            else setChosen(next);
            if (!front && playing) play(next);
          }}
        >
          {(SPEEDS.includes(speed) ? SPEEDS : [...SPEEDS, speed].sort((a, b) => a - b)).map((s) => (
            <option key={s} value={s}>
              {s}×
            </option>
          ))}
        </select>
      </div>
      <Track from={from} to={to} at={at} can={can} second={second} />
      {damage.length > 0 && (
        <span className="timeline-damage" role="status" data-testid="history-damage" title={damageText(damage)}>
          {plural(damage.length, "damaged section")}
        </span>
      )}
      {replay?.damage && (
        <span
          className="timeline-damage"
          role="status"
          title={`The recording is damaged ${replay.damage}. The replay ends before the damage.`}
        >
          damaged recording
        </span>
      )}
      <div className="timeline-now">
        {view.mode === "live" ? (
          <span className="live">
            <i aria-hidden="true" /> {front ? (front.paused ? "Replay, paused" : "Replay") : "Live"}
          </span>
        ) : (
          <button type="button" onClick={returnToLive}>
            {replay ? "Back to the replay" : "Back to live"}
          </button>
        )}
        <span className="num quiet">{clock(at)}</span>
      </div>
    </footer>
  );
}

/** damageText lists the newest damaged sections of the history, at most ten. */
function damageText(damage: readonly HistoryDamage[]): string {
  const rows = damage
    .slice(-10)
    .map(
      (d) =>
        `${d.fromMs === 0n ? "an unknown instant" : clock(Number(d.fromMs))} to ${d.untilMs === 0n ? "the end of the history" : clock(Number(d.untilMs))}`,
    );
  return `The history cannot be read from ${rows.join(", from ")}. No files were deleted: "conductor history check" lists the damaged ones.`;
}

function Button(props: {
  name: "back" | "play" | "pause" | "forward";
  label: string;
  disabled: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={props.label}
      title={props.label}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <Icon name={props.name} />
    </button>
  );
}

function Track({ from, to, at, can, second }: { from: number; to: number; at: number; can: boolean; second: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useThemeSerial();
  const earlier = useRing((s) => s.earlier);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the world grows in place, once a second
  useEffect(() => {
    if (canvas.current) drawTrack(canvas.current, useRing.getState().live, earlier, from, to);
  }, [second, earlier, from, to, theme]);
  const share = Math.max(0, Math.min(1, (at - from) / Math.max(1, to - from)));
  const point = (e: React.PointerEvent) => {
    if (!can || (e.type === "pointermove" && e.buttons === 0)) return;
    const box = e.currentTarget.getBoundingClientRect();
    if (e.type === "pointerdown") e.currentTarget.setPointerCapture(e.pointerId);
    const where = Math.max(0, Math.min(1, (e.clientX - box.left) / box.width));
    if (where > 0.995) returnToLive();
    else void seek(Math.round(from + where * (to - from)));
  };
  const key = (e: React.KeyboardEvent) => {
    const steps: Record<string, number> = {
      ArrowLeft: -1000,
      ArrowRight: 1000,
      PageDown: -30_000,
      PageUp: 30_000,
      Home: from - at,
    };
    if (!can || e.shiftKey || !(e.key in steps || e.key === "End")) return;
    e.preventDefault();
    const next = at + (steps[e.key] ?? 0);
    if (e.key === "End" || next >= to) returnToLive();
    else void seek(Math.max(from, next));
  };
  return (
    <div
      className="track"
      role="slider"
      tabIndex={can ? 0 : -1}
      aria-label="Instant shown"
      aria-disabled={!can}
      aria-valuemin={0}
      aria-valuemax={Math.round((to - from) / 1000)}
      aria-valuenow={Math.round((at - from) / 1000)}
      aria-valuetext={at >= to ? "live" : `${clock(at)}, ${duration(to - at)} ago`}
      title={can ? undefined : "This conductor keeps no history."}
      onPointerDown={point}
      onPointerMove={point}
      onKeyDown={key}
    >
      <canvas ref={canvas} />
      <i className="thumb" style={{ left: `${share * 100}%` }} aria-hidden="true" />
    </div>
  );
}
