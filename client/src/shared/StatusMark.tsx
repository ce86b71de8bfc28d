import { Status } from "../model/members";
import { statusWord } from "../model/words";

/** StatusMark shows a member's glyph of the canvas as an inline picture, in the same shape and colour. */
export function StatusMark({ status, uncertain }: { status: number; uncertain?: boolean }) {
  return (
    <svg className={`mark mark-${statusWord[status]}`} aria-hidden="true" width="14" height="14" viewBox="-7 -7 14 14">
      {shape(status)}
      {uncertain && <circle className="mark-uncertain" r="6.2" />}
    </svg>
  );
}

function shape(status: number) {
  switch (status) {
    case Status.JOINING:
      return (
        <>
          <circle className="mark-line" r="4" />
          <circle className="mark-fill" r="1.5" />
        </>
      );
    case Status.LEAVING:
      return (
        <>
          <circle className="mark-line" r="4" />
          <path className="mark-fill" d="M0-4A4 4 0 0 0 0 4z" />
        </>
      );
    case Status.LEFT:
      return <circle className="mark-line mark-thin" r="3.5" />;
    case Status.FAILED:
      return <path className="mark-line" d="M-3.4-3.4L3.4 3.4M3.4-3.4L-3.4 3.4" />;
    case Status.SILENT:
      return <circle className="mark-line mark-dashed" r="4" />;
    default:
      return <circle className="mark-fill" r="4.2" />;
  }
}
