import { approach } from "../canvas/gestures";
import { FIT, lowerBound } from "../canvas/layout";
import { maxScale } from "../canvas/stage";
import { hexOf } from "../model/id";
import { returnToLive, step } from "../store/past";
import { holdReplay } from "../store/replay";
import { togglePause, useRing } from "../store/ring";
import { chooseLookup, select, useUi } from "../store/ui";
import { TABS } from "../store/url";

/** The keyboard map that `?` shows. */
export const KEYS: [string, string][] = [
  ["← →", "Move the cursor to the previous or next member"],
  ["Shift + ← →", "Move the cursor along the selected member's fingers"],
  ["Enter", "Select the member under the cursor"],
  ["Space", "Pause or resume the view or the replay"],
  ["+ −", "Zoom in on the selected member, or out"],
  ["0", "Show the whole ring"],
  [", .", "Previous event, next event"],
  ["L", "Back to live"],
  ["1 to 5", "Choose a tab"],
  ["Esc", "Deselect the arc, the lookup or the member"],
  ["?", "This map"],
];

/** listenKeys handles keys that no control has handled; it returns a function that stops it. */
export function listenKeys(): () => void {
  const down = (e: KeyboardEvent) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || useUi.getState().dialog) return;
    const target = e.target as HTMLElement;
    if (target.closest("input, textarea, select, [contenteditable]")) return;
    const onButton = target.closest("button, a") !== null;
    if (onButton && (e.key === " " || e.key === "Enter")) return;
    if (handle(e)) e.preventDefault();
  };
  addEventListener("keydown", down);
  return () => removeEventListener("keydown", down);
}

function handle(e: KeyboardEvent): boolean {
  const ui = useUi.getState();
  switch (e.key) {
    case "ArrowLeft":
    case "ArrowRight": {
      const direction = e.key === "ArrowRight" ? 1 : -1;
      if (e.shiftKey) followFinger(direction);
      else moveCursor(direction);
      return true;
    }
    case "Enter":
      if (!ui.cursor) return false;
      select(ui.cursor);
      return true;
    case " ":
      if (!holdReplay()) togglePause();
      return true;
    case "+":
    case "=":
      zoom(1.6);
      return true;
    case "-":
    case "−":
      zoom(1 / 1.6);
      return true;
    case "0":
      useUi.setState({ camera: FIT });
      return true;
    case ",":
      void step(-1);
      return true;
    case ".":
      void step(1);
      return true;
    case "l":
    case "L":
      returnToLive();
      return true;
    case "?":
      useUi.setState({ dialog: "keys" });
      return true;
    case "Escape":
      return letGo();
  }
  const tab = TABS[Number(e.key) - 1];
  if (tab) useUi.setState({ tab });
  return tab !== undefined;
}

function letGo(): boolean {
  const ui = useUi.getState();
  if (ui.drawing || ui.arc) useUi.setState({ drawing: false, arc: null });
  else if (ui.cursor) useUi.setState({ cursor: "" });
  else if (ui.lookup) chooseLookup(null);
  else if (ui.selected) select("");
  else return false;
  return true;
}

/** moveCursor moves the cursor to the next or previous member. */
function moveCursor(direction: 1 | -1): void {
  const { table } = useRing.getState().shown;
  const order = table.order();
  if (order.length === 0) return;
  const { cursor, selected } = useUi.getState();
  const slot = table.find(cursor || selected);
  let next = direction > 0 ? 0 : order.length - 1;
  if (slot >= 0) {
    let at = lowerBound(table, order, table.turn[slot]);
    while (order[at] !== slot) at++;
    next = (at + direction + order.length) % order.length;
  }
  useUi.setState({ cursor: table.hex(order[next]) });
}

/** followFinger moves the cursor over the selected member's finger targets, from the nearest outwards. */
function followFinger(direction: 1 | -1): void {
  const { shown } = useRing.getState();
  const { detail } = shown;
  const { cursor, selected } = useUi.getState();
  if (!selected && cursor) select(cursor);
  if (!detail || hexOf(detail.id) !== selected) return;
  const runs = [...detail.fingers].sort((a, b) => a.first - b.first);
  const targets = [...new Set(runs.filter((r) => r.id.length).map((r) => hexOf(r.id)))].filter(
    (hex) => hex !== selected && shown.table.find(hex) >= 0,
  );
  if (targets.length === 0) return;
  const at = targets.indexOf(cursor);
  const next = at < 0 ? (direction > 0 ? 0 : targets.length - 1) : (at + direction + targets.length) % targets.length;
  useUi.setState({ cursor: targets[next] });
}

/** zoom zooms in on the cursor or the selected member, else on the rim in the camera's direction, at first its top. */
export function zoom(factor: number): void {
  const { camera, cursor, selected } = useUi.getState();
  const { table } = useRing.getState().shown;
  const scale = Math.min(maxScale(table.count), camera.scale * factor);
  if (scale <= 1.01) {
    useUi.setState({ camera: FIT });
    return;
  }
  const slot = table.find(cursor || selected);
  useUi.setState({ camera: approach(camera, scale, slot < 0 ? undefined : table.turn[slot]) });
}
