import { lazy, Suspense } from "react";
import { useUi } from "../store/ui";
import type { Tab } from "../store/url";
import { ControlTab } from "./ControlTab";
import { EventsTab } from "./EventsTab";
import { LookupsTab } from "./LookupsTab";
import { MembersTab } from "./MembersTab";
import { type TabItem, Tabs } from "./Tabs";

// The chart library is loaded at first use.
const ChartsTab = lazy(() => import("./ChartsTab"));

const ITEMS: TabItem<Tab>[] = [
  { key: "events", name: "Events", view: () => <EventsTab /> },
  { key: "lookups", name: "Lookups", view: () => <LookupsTab /> },
  { key: "members", name: "Members", view: () => <MembersTab /> },
  {
    key: "charts",
    name: "Charts",
    view: () => (
      <Suspense fallback={<p className="blank">Loading the charts…</p>}>
        <ChartsTab />
      </Suspense>
    ),
  },
  { key: "control", name: "Control", view: () => <ControlTab /> },
];

/** Side is the column beside the picture; one tab at a time is in the document. */
export function Side() {
  const tab = useUi((s) => s.tab);
  return (
    <section className="side" id="side" aria-label="Details">
      <Tabs label="Details" items={ITEMS} chosen={tab} onChoose={(key) => useUi.setState({ tab: key })} />
    </section>
  );
}
