import { shortId } from "../model/id";
import { useShown } from "./ring";
import { select } from "./ui";

/** MemberLink shows a member's short identifier; a click selects the member. */
export function MemberLink({ hex }: { hex: string }) {
  const { ring } = useShown();
  return (
    <button type="button" className="id-link" onClick={() => select(hex)}>
      {shortId(hex, ring.bits)}
    </button>
  );
}
