import { useEffect, useRef, useState } from "react";
import { FIT } from "../model/camera";
import { liveMembers, received } from "../model/verdict";
import { count, ringWord } from "../model/words";
import { Icon } from "../shared/Icon";
import { Rejections } from "../shared/Rejections";
import { useShown } from "../shared/ring";
import { useUi } from "../shared/ui";
import { Legend } from "./Legend";
import type { Layout } from "./layout";
import { type Hover, Stage } from "./stage";
import { Tooltip } from "./Tooltip";
import { zoom } from "./walk";

/** Width of the part of the picture that the member panel covers, in pixels. */
const PANEL = 316;
/** Height that the legend takes below the picture on a narrow screen, in pixels. */
const LEGEND = 44;

export function StageView({ children }: { children?: React.ReactNode }) {
  const root = useRef<HTMLElement>(null);
  const stage = useRef<Stage>(null);
  const [hover, setHover] = useState<{ at: Hover; layout: Layout | undefined } | null>(null);
  const theme = useUi((s) => s.theme);
  const selected = useUi((s) => s.selected);

  useEffect(() => {
    const element = root.current;
    if (!element) return;
    const made = new Stage(
      {
        root: element,
        canvases: [...element.querySelectorAll("canvas")],
        labels: element.querySelector(".labels") as HTMLElement,
      },
      (at, layout) => setHover(at && { at, layout }),
    );
    stage.current = made;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const repaint = () => made.repaint();
    dark.addEventListener("change", repaint);
    return () => {
      dark.removeEventListener("change", repaint);
      made.dispose();
    };
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme is read from the document's style
  useEffect(() => stage.current?.repaint(), [theme]);

  useEffect(() => {
    const fit = () => {
      const width = root.current?.clientWidth ?? 0;
      const left = selected && width >= 820 ? PANEL : 0;
      stage.current?.setInsets({ left, right: 0, bottom: width < 520 ? LEGEND : 0 });
    };
    fit();
    addEventListener("resize", fit);
    return () => removeEventListener("resize", fit);
  }, [selected]);

  return (
    <section
      ref={root}
      className="stage"
      data-testid="ring"
      data-has-panel={selected !== "" || undefined}
      aria-label="The ring. The Members tab shows the same data as a table."
    >
      <canvas />
      <canvas />
      <canvas />
      <div className="labels" aria-hidden="true" />
      <Centre />
      <Legend />
      <ZoomButtons />
      {hover && <Tooltip hover={hover.at} layout={hover.layout} />}
      {children}
    </section>
  );
}

/** Centre shows the number of members and the ring's status inside the circle. */
function Centre() {
  const world = useShown();
  const camera = useUi((s) => s.camera);
  const quiet = useUi((s) => s.selected !== "" || s.trace !== "");
  const members = liveMembers(world.ring);
  if (!received(world.ring) && world.ring.rejections.length > 0)
    return (
      <div className="centre">
        <Rejections />
      </div>
    );
  if (camera.scale > 1.3 || !received(world.ring)) return null;
  return (
    <div className="centre" data-quiet={quiet || undefined} aria-hidden="true">
      <strong>{count(members)}</strong>
      <span>
        {members === 1 ? "member" : "members"} · {ringWord[world.ring.status].toLowerCase()}
      </span>
    </div>
  );
}

function ZoomButtons() {
  const camera = useUi((s) => s.camera);
  return (
    <div className="zoom" data-over role="group" aria-label="Zoom">
      {camera.scale > 1 && (
        <button
          type="button"
          className="icon-button"
          onClick={() => useUi.setState({ camera: FIT })}
          aria-label="Show the whole ring"
        >
          <Icon name="ring" />
        </button>
      )}
      <button type="button" className="icon-button" onClick={() => zoom(1.8)} aria-label="Zoom in">
        <Icon name="plus" />
      </button>
      <button type="button" className="icon-button" onClick={() => zoom(1 / 1.8)} aria-label="Zoom out">
        <Icon name="minus" />
      </button>
    </div>
  );
}
