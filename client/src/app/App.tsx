import { useEffect } from "react";
import { MemberPanel } from "../members/MemberPanel";
import { CursorVoice } from "../ring/Cursor";
import { StageView } from "../ring/StageView";
import { Timeline } from "../timeline/Timeline";
import { Dialogs } from "./Dialogs";
import { Header } from "./Header";
import { listenKeys } from "./keyboard";
import { LinkBanner } from "./LinkBanner";
import { NoticeLine } from "./NoticeLine";
import { Side } from "./Side";
import { Tour } from "./Tour";

export function App() {
  useEffect(listenKeys, []);
  return (
    <div className="app">
      <a className="skip" href="#side">
        Skip the picture
      </a>
      <Header />
      <main className="main">
        <StageView>
          <LinkBanner />
          <NoticeLine />
        </StageView>
        <MemberPanel />
        <Side />
      </main>
      <Timeline />
      <CursorVoice />
      <Dialogs />
      <Tour />
    </div>
  );
}
