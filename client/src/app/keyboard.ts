import { FIT } from "../model/camera";
import { followFinger, moveCursor, zoom } from "../ring/walk";
import { togglePause } from "../shared/ring";
import { chooseLookup, select, useUi } from "../shared/ui";
import { TABS } from "../shared/url";
import { returnToLive, step } from "../timeline/past";
import { holdReplay } from "../timeline/replay";
import { endTour } from "./Tour";

/** The keyboard shortcuts that `?` lists. */
export const KEYS: [string, string][] = [
  ["← →", "Move the cursor to the previous or next member"],
  ["Shift + ← →", "Move the cursor along the selected member's fingers"],
  ["Enter", "Select the member under the cursor"],
  ["Space", "Pause or resume the view or the replay"],
  ["+ −", "Zoom in on the selected member, or zoom out"],
  ["0", "Show the whole ring"],
  [", .", "Previous event, next event"],
  ["L", "Back to live"],
  ["1 to 5", "Choose a tab"],
  ["Esc", "Close the tour; deselect the arc, the lookup or the member"],
  ["?", "Show the keyboard shortcuts"],
];

/** listenKeys handles keys that no control has handled; it returns a function that stops the handling. */
export function listenKeys(): () => void {
  const down = (e: KeyboardEvent) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
    if (document.querySelector("dialog:modal")) return;
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
  if (ui.tour >= 0) endTour();
  else if (ui.drawing || ui.arc) useUi.setState({ drawing: false, arc: null });
  else if (ui.cursor) useUi.setState({ cursor: "" });
  else if (ui.lookup) chooseLookup(null);
  else if (ui.selected) select("");
  else return false;
  return true;
}
