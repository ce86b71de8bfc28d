import { shortId } from "../model/id";
import { plural, statusWord } from "../model/words";
import { useShown } from "../shared/ring";
import { useUi } from "../shared/ui";

/** CursorVoice announces the member under the keyboard cursor to screen readers. */
export function CursorVoice() {
  const cursor = useUi((s) => s.cursor);
  const { table, ring } = useShown();
  const slot = cursor ? table.find(cursor) : -1;
  return (
    <p className="visually-hidden" role="status" data-testid="cursor">
      {slot >= 0 &&
        `${shortId(cursor, ring.bits)}, ${statusWord[table.status[slot]]}${table.uncertain[slot] ? ", uncertain" : ""}, ${plural(table.keys[slot], "key")}`}
    </p>
  );
}
