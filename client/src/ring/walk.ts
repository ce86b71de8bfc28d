import { lowerBound } from "../model/arcs";
import { FIT } from "../model/camera";
import { hexOf } from "../model/id";
import { useRing } from "../shared/ring";
import { select, useUi } from "../shared/ui";
import { approach } from "./gestures";
import { maxScale } from "./stage";

/** moveCursor moves the cursor to the next or previous member. */
export function moveCursor(direction: 1 | -1): void {
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

/** followFinger moves the cursor to the next or previous finger target of the selected member, by clockwise distance. */
export function followFinger(direction: 1 | -1): void {
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

/** zoom changes the scale around the cursor or the selected member; without either, around the rim as approach does. */
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
