import { useEffect } from "react";
import { useUi } from "../shared/ui";

const SEEN = "chord.tour";

const STEPS: { target: string; title: string; text: string }[] = [
  {
    target: ".state",
    title: "Is the ring ideal?",
    text: "This line shows the ring's status, its cause and the latest event. All data comes from telemetry alone; the figures beside this line show how stale the data is.",
  },
  {
    target: ".stage",
    title: "Which members are in the ring?",
    text: "Each dot is a member at its position on the identifier circle. Bars show its keys, moving lines show real lookups. Select a member to see its pointers, or to make it leave or crash.",
  },
  {
    target: ".side",
    title: "How is a key found?",
    text: "Under Lookups, type a key and watch the hops to its owner. Events lists what happened, Charts shows rates and load, and Control has the commands.",
  },
];

function seen(): boolean {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return true; // without storage the tour would come back on every visit
  }
}

const show = (tour: number) => useUi.setState({ tour });

/** endTour closes the tour, and stores that later visits do not show it by themselves. */
export function endTour() {
  try {
    localStorage.setItem(SEEN, "1");
  } catch {
    // see seen
  }
  show(-1);
}

/** Tour explains the page in three steps on the first visit. It never blocks the page, and can be skipped. */
export function Tour() {
  const at = useUi((s) => s.tour);
  useEffect(() => {
    if (!seen()) show(0);
  }, []);
  const step = STEPS[at];
  useEffect(() => {
    if (!step) return;
    const target = document.querySelector(step.target);
    target?.setAttribute("data-tour", "");
    target?.scrollIntoView({ block: "nearest" }); // on a narrow screen the page is longer than the window
    return () => target?.removeAttribute("data-tour");
  }, [step]);
  if (!step) return null;
  return (
    <aside className="tour" data-step={at} aria-label={`Tour, step ${at + 1} of ${STEPS.length}`} data-testid="tour">
      <h2>{step.title}</h2>
      <p>{step.text}</p>
      <div className="row">
        <span className="quiet num">
          {at + 1} of {STEPS.length}
        </span>
        <button type="button" onClick={endTour}>
          {at < STEPS.length - 1 ? "Skip" : "Close"}
        </button>
        {at < STEPS.length - 1 && (
          <button type="button" className="primary" onClick={() => show(at + 1)}>
            Next
          </button>
        )}
      </div>
    </aside>
  );
}
