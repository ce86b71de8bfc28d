import { lazy, type ReactNode, Suspense } from "react";
import { EventsTab } from "../events/EventsTab";
import { LookupsTab } from "../lookups/LookupsTab";
import { MembersTab } from "../members/MembersTab";
import { useUi } from "../shared/ui";
import type { Tab } from "../shared/url";
import { type TabItem, Tabs } from "./Tabs";

// The libraries for charts and for YAML are large, so they are loaded at first use.
const ChartsTab = lazy(() => import("../charts/ChartsTab"));
const ControlTab = lazy(() => import("../control/ControlTab"));

const loaded = (tab: ReactNode) => <Suspense fallback={<p className="blank">Loading…</p>}>{tab}</Suspense>;

const ITEMS: TabItem<Tab>[] = [
  { key: "events", name: "Events", view: () => <EventsTab /> },
  { key: "lookups", name: "Lookups", view: () => <LookupsTab /> },
  { key: "members", name: "Members", view: () => <MembersTab /> },
  { key: "charts", name: "Charts", view: () => loaded(<ChartsTab />) },
  { key: "control", name: "Control", view: () => loaded(<ControlTab />) },
];

/** Side is the column beside the picture. Only the chosen tab is in the document. */
export function Side() {
  const tab = useUi((s) => s.tab);
  return (
    <section className="side" id="side" aria-label="Details">
      <Tabs label="Details" items={ITEMS} chosen={tab} onChoose={(key) => useUi.setState({ tab: key })} />
    </section>
  );
}
