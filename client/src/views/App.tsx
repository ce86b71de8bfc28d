import { useEffect } from "react";
import { useUi } from "../store/ui";
import { Header } from "./Header";
import { LinkBanner } from "./LinkBanner";
import { MemberPanel } from "./MemberPanel";
import { NoticeLine } from "./NoticeLine";
import { Side } from "./Side";
import { StageView } from "./StageView";

export function App() {
  const theme = useUi((s) => s.theme);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <div className="app">
      <a className="skip" href="#side">
        Skip the picture
      </a>
      <Header />
      <main className="main">
        <StageView>
          <LinkBanner />
          <MemberPanel />
          <NoticeLine />
        </StageView>
        <Side />
      </main>
    </div>
  );
}
