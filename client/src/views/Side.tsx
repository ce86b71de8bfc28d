import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { useUi } from "../store/ui";
import type { Tab as TabName } from "../store/url";
import { EventsTab } from "./EventsTab";
import { MembersTab } from "./MembersTab";

const NAMES: [TabName, string][] = [
  ["events", "Events"],
  ["members", "Members"],
];

/** Side is the column beside the picture; one tab at a time is in the document. */
export function Side() {
  const tab = useUi((s) => s.tab);
  return (
    <section className="side" id="side" aria-label="Details">
      <Tabs selectedKey={tab} onSelectionChange={(key) => useUi.setState({ tab: key as TabName })}>
        <TabList aria-label="Details">
          {NAMES.map(([key, name]) => (
            <Tab key={key} id={key}>
              {name}
            </Tab>
          ))}
        </TabList>
        <TabPanel id="events">
          <EventsTab />
        </TabPanel>
        <TabPanel id="members">
          <MembersTab />
        </TabPanel>
      </Tabs>
    </section>
  );
}
