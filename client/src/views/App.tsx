import { useEffect } from "react";
import { CursorVoice } from "./Cursor";
import { Dialogs } from "./Dialogs";
import { Header } from "./Header";
import { listenKeys } from "./keyboard";
import { LinkBanner } from "./LinkBanner";
import { MemberPanel } from "./MemberPanel";
import { NoticeLine } from "./NoticeLine";
import { Side } from "./Side";
import { StageView } from "./StageView";
import { Timeline } from "./Timeline";
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
