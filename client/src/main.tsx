import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { startSession } from "./app/session";
// The order matters: later style sheets override earlier ones.
import "./shared/tokens.css";
import "./shared/base.css";
import "./shared/controls.css";
import "./app/shell.css";
import "./ring/stage.css";
import "./members/member.css";
import "./events/feed.css";
import "./members/members.css";
import "./lookups/lookups.css";
import "./charts/charts.css";
import "./control/control.css";
import "./timeline/timeline.css";
import "./app/overlays.css";

startSession();

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
