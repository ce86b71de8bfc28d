import { useEffect, useState } from "react";
import { received } from "../model/verdict";
import { clock, duration } from "../model/words";
import { goLive, useRing, useShown } from "../shared/ring";
import { returnToLive } from "../timeline/past";
import { reconnect } from "./session";

/** How long a message about a restored connection stays, in milliseconds. */
const LINGER = 4000;

/** LinkBanner shows the state of the connection to the conductor, and the view's mode unless it is live. */
export function LinkBanner() {
  const link = useRing((s) => s.link);
  const view = useRing((s) => s.view);
  const { ring } = useShown();
  const newest = useRing((s) => Math.floor(Number(s.live.ring.timeMs) / 1000) * 1000);
  const now = useNow(link.state !== "open" || Date.now() - link.openedAt < LINGER + 1000);
  const empty = !received(ring);

  if (link.state === "lost" || (link.state === "connecting" && link.attempt > 1)) {
    const wait = Math.max(0, Math.ceil((link.retryAt - now) / 1000));
    return (
      <Banner kind="lost">
        <b>Connection lost.</b> {empty ? "No data yet." : `The ring is shown as of ${clock(Number(ring.timeMs))}.`}{" "}
        {link.state === "connecting" ? "Trying again…" : `Next attempt in ${wait} s.`}
        <button type="button" onClick={reconnect}>
          Try now
        </button>
      </Banner>
    );
  }
  if (link.state === "connecting") return <Banner kind="connecting">Connecting to the conductor…</Banner>;
  if (view.mode === "paused") {
    return (
      <Banner kind="paused">
        <b>Paused</b> at {clock(view.at)}. The conductor keeps receiving.
        <button type="button" onClick={goLive}>
          Back to live
        </button>
      </Banner>
    );
  }
  if (view.mode === "past") {
    return (
      <Banner kind="past">
        {view.error ? (
          <b>Cannot show that instant: {view.error}</b>
        ) : (
          <span>
            Showing <b className="num">{clock(view.at)}</b>
            {view.loading ? "…" : `, ${duration(Math.max(0, newest - view.at))} ago.`}
          </span>
        )}
        <button type="button" onClick={returnToLive}>
          Back to live
        </button>
      </Banner>
    );
  }
  if (now - link.openedAt < LINGER && link.opened !== "first" && view.mode === "live") {
    const text = {
      resumed: "Reconnected. No updates were missed.",
      fresh: "Reconnected. Too many updates were missed, so the picture was loaded anew.",
      restarted: "The conductor restarted. The picture was loaded anew.",
      "": "",
    }[link.opened];
    return <Banner kind="resumed">{text}</Banner>;
  }
  if (empty) {
    return (
      <Banner kind="empty">
        <b>No ring yet.</b> Waiting for telemetry. Start a node with <code>go run ./node</code> and set{" "}
        <code>OTEL_EXPORTER_OTLP_ENDPOINT</code> to this conductor's OTLP address.
      </Banner>
    );
  }
  return null;
}

function Banner({ kind, children }: { kind: string; children: React.ReactNode }) {
  return (
    <div className="banner" data-kind={kind} role="status" data-testid="link">
      {children}
    </div>
  );
}

/** useNow re-renders four times a second while it is active. */
function useNow(active: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, [active]);
  return now;
}
