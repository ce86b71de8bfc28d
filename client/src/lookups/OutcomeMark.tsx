import { Lookup_Outcome } from "../wire/hub_pb";

/** OutcomeMark shows a disc for success, a triangle for success after timeouts, a cross for failure. */
export function OutcomeMark({ outcome }: { outcome: Lookup_Outcome }) {
  return (
    <svg aria-hidden="true" className="outcome" data-outcome={outcome} width="12" height="12" viewBox="-6 -6 12 12">
      {outcome === Lookup_Outcome.FAILED ? (
        <path d="M-3.5-3.5L3.5 3.5M3.5-3.5L-3.5 3.5" fill="none" stroke="currentColor" strokeWidth="2" />
      ) : outcome === Lookup_Outcome.TIMEOUTS ? (
        <path d="M0-4L4 3.5H-4z" fill="currentColor" />
      ) : (
        <circle r="3.2" fill="currentColor" />
      )}
    </svg>
  );
}
